import { DecompressionError } from '../../compression/compressed-pieces.js';
import { VhdupError } from '../../errors.js';
import type { Decompression } from '../decompression.js';
import type { SourceHandle } from '../file.js';
import type { CompressedPlace } from './entry.js';
import type { Compression } from './header.js';

/** A batch decompresses to at most this many bytes, but at least to one cluster. */
const BATCH_BYTES = 1024 * 1024;
/** A batch is read in one go if the gaps between its clusters have at most this many bytes in all. */
const MAX_GAP = 64 * 1024;

/** A part of a compressed cluster that is read. */
export interface CompressedPart {
  /** Index of the guest cluster. */
  readonly cluster: number;
  readonly place: CompressedPlace;
  /** First byte of the part within the cluster. */
  readonly start: number;
  /** Receives the part. */
  readonly into: Uint8Array;
}

/** The image that compressed clusters are in. */
export interface CompressedContext {
  readonly file: SourceHandle;
  /** Shared by the images of the chain. */
  readonly decompression: Decompression;
  readonly method: Compression;
  /** In bytes. */
  readonly clusterSize: number;
  /** Returns the offset of a cluster's L2 entry in the file, in bytes. */
  readonly entryOffset: (cluster: number) => Promise<number>;
}

/** Reads the compressed clusters of an image: whole clusters many at a time, parts through a cache. */
export class CompressedClusters {
  readonly #context: CompressedContext;

  constructor(context: CompressedContext) {
    this.#context = context;
  }

  /**
   * Returns the reads that fill parts, given in the order of the disk, each behind the one before, also in memory. They throw
   * `disk-unreadable`, or `disk-invalid` if a cluster cannot be decompressed.
   */
  *reads(parts: readonly CompressedPart[]): Generator<() => Promise<void>> {
    const { clusterSize } = this.#context;
    let batch: Batch | undefined;
    for (const part of parts) {
      if (part.into.length < clusterSize) {
        yield () => this.#readPart(part);
        continue;
      }
      if (batch?.add(part, clusterSize)) continue;
      if (batch) yield this.#reading(batch);
      batch = new Batch(part);
    }
    if (batch) yield this.#reading(batch);
  }

  /** Drops all clusters that are kept, also those of the other images of the chain. */
  dropCache(): void {
    this.#context.decompression.clusters.drop();
  }

  #reading(batch: Batch): () => Promise<void> {
    return () => this.#decompress(batch);
  }

  async #readPart({ cluster, place, start, into }: CompressedPart): Promise<void> {
    const { file, clusterSize, decompression } = this.#context;
    const content = await decompression.clusters.get(`${file.identity} ${cluster}`, clusterSize, async () => {
      const whole = new Uint8Array(clusterSize);
      await this.#decompress(new Batch({ cluster, place, start: 0, into: whole }));
      return whole;
    });
    into.set(content.subarray(start, start + into.length));
  }

  /** Reads the clusters of a batch, and decompresses them to where the first one goes. */
  async #decompress(batch: Batch): Promise<void> {
    const { file, decompression } = this.#context;
    // The last cluster of a file may end within its last sector.
    const length = Math.min(batch.end, file.size) - batch.start;
    await decompression.withBuffer(length, (bytes) => this.#decompressFrom(bytes, batch));
  }

  async #decompressFrom(bytes: Uint8Array, { first, parts, start }: Batch): Promise<void> {
    const { file, decompression, method, clusterSize } = this.#context;
    await file.read(start, bytes);
    const pieces = parts.map(({ place }) => ({
      start: place.start - start,
      end: Math.min(place.end, file.size) - start,
    }));
    const { buffer, byteOffset } = first.into;
    const into = new Uint8Array(buffer, byteOffset, parts.length * clusterSize);
    try {
      await decompression.decompressor.decompress({ method, bytes, pieces, pieceLength: clusterSize, into });
    } catch (error) {
      if (!(error instanceof DecompressionError)) throw error;
      const { cluster } = parts[error.index] ?? first;
      throw new VhdupError(
        'disk-invalid',
        `${file.path}: compressed cluster at offset ${await this.#context.entryOffset(cluster)}: offset ${cluster * clusterSize} of the disk cannot be decompressed: ${error.message}`,
        { cause: error },
      );
    }
  }
}

/** Whole clusters that are neighbours on the disk and in memory, and lie close together in the file, in any order. */
class Batch {
  readonly first: CompressedPart;
  readonly parts: CompressedPart[];
  /** The bytes of the file that they lie in. */
  start: number;
  end: number;
  /** Bytes of the clusters in the file. */
  #stored: number;

  constructor(first: CompressedPart) {
    this.first = first;
    this.parts = [first];
    this.start = first.place.start;
    this.end = first.place.end;
    this.#stored = this.end - this.start;
  }

  /** Adds a cluster if it belongs to the batch. */
  add(part: CompressedPart, clusterSize: number): boolean {
    if ((this.parts.length + 1) * clusterSize > BATCH_BYTES) return false;
    if (part.cluster !== this.first.cluster + this.parts.length) return false;
    const start = Math.min(this.start, part.place.start);
    const end = Math.max(this.end, part.place.end);
    const stored = this.#stored + part.place.end - part.place.start;
    if (end - start > stored + MAX_GAP) return false;
    this.parts.push(part);
    this.start = start;
    this.end = end;
    this.#stored = stored;
    return true;
  }
}
