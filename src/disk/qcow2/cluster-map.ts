import type { SourceHandle } from '../file.js';
import { forEachConcurrent } from '../for-each-concurrent.js';
import type { AllocationMap, Segment } from '../image.js';
import type { CompressedClusters, CompressedPart } from './compressed.js';
import { COMPRESSED, compressedPlace, offsetOf } from './entry.js';
import type { TableStretch } from './table-stretch.js';

/** What a stretch of an image is described by. */
export interface ClusterStretch {
  readonly tables: TableStretch;
  /** The file that standard clusters are in. */
  readonly data: SourceHandle;
  readonly compressed: CompressedClusters;
  /** What the image has where nothing is allocated: `zero` without a backing file. */
  readonly unallocated: 'absent' | 'zero';
  /** First byte after the stretch. */
  readonly end: number;
}

/** A stretch of an image, as its L2 tables have it. */
export class ClusterMap implements AllocationMap {
  readonly end: number;
  readonly #stretch: ClusterStretch;

  constructor(stretch: ClusterStretch) {
    this.#stretch = stretch;
    this.end = stretch.end;
  }

  segmentAt(offset: number): Segment {
    const { tables, unallocated } = this.#stretch;
    const kind = tables.kindAt(offset);
    const end = tables.runEnd(offset, kind, this.end);
    return { offset, length: end - offset, kind: kind === 'absent' ? unallocated : kind };
  }

  async read(offset: number, into: Uint8Array): Promise<void> {
    await forEachConcurrent(this.#reads(offset, into), (read) => read());
  }

  /** Yields the reads that fill `into`: one for each run that lies together in the file, or for each batch of compressed clusters. */
  *#reads(offset: number, into: Uint8Array): Generator<() => Promise<void>> {
    const { data, compressed } = this.#stretch;
    let parts: CompressedPart[] = [];
    let run: { position: number; at: number; length: number } | undefined;
    for (let at = 0; at < into.length;) {
      const { position, part } = this.#partAt(offset + at, into.subarray(at));
      const { length } = part.into;
      if (run && (position === undefined || position !== run.position + run.length)) {
        yield reading(data, run.position, into.subarray(run.at, run.at + run.length));
        run = undefined;
      }
      if (position === undefined) parts.push(part);
      else {
        yield* compressed.reads(parts);
        parts = [];
        run ??= { position, at, length: 0 };
        run.length += length;
      }
      at += length;
    }
    if (run) yield reading(data, run.position, into.subarray(run.at, run.at + run.length));
    yield* compressed.reads(parts);
  }

  /** Returns where the bytes at an offset are, up to the end of their cluster. `position`: in the data's file, unless compressed. */
  #partAt(offset: number, into: Uint8Array): { readonly position: number | undefined; readonly part: CompressedPart } {
    const { tables } = this.#stretch;
    const { clusterSize } = tables.geometry;
    const cluster = Math.floor(offset / clusterSize);
    const start = offset - cluster * clusterSize;
    const { words, at } = tables.entry(cluster);
    const high = words[at] ?? 0;
    const low = words[at + 1] ?? 0;
    const isCompressed = (high & COMPRESSED) !== 0;
    return {
      position: isCompressed ? undefined : offsetOf(high, low) + start,
      part: {
        cluster,
        start,
        into: into.subarray(0, clusterSize - start),
        place: isCompressed ? compressedPlace(high, low, tables.geometry) : { start: 0, end: 0 },
      },
    };
  }
}

function reading(file: SourceHandle, position: number, into: Uint8Array): () => Promise<void> {
  return () => file.read(position, into);
}
