import type { LoadedPages } from '../table-pages.js';
import type { Segment } from '../image.js';
import { kindOf, subclusterKind } from './entry.js';
import type { Geometry } from './geometry.js';
import { SUBCLUSTERS } from './layout.js';
import { nextUsed } from './next-used.js';

/** The end of a segment is searched in at most this many entries outside of empty pages, so that a call for a part of it is not slow. */
const MAX_SCANNED = 64 * 1024;
/** To skip this many entries that are zero takes as long as to examine one. */
const SKIPPED_PER_SCANNED = 16;

const NO_ENTRY = new Uint32Array(4);

/** A part of the L2 tables that is in memory. Clusters are those of the guest, by index. */
export class TableStretch {
  readonly geometry: Geometry;
  /** Index of the first cluster after it. */
  readonly end: number;
  readonly #start: number;
  readonly #loaded: LoadedPages;

  constructor(loaded: LoadedPages, geometry: Geometry) {
    this.geometry = geometry;
    this.#loaded = loaded;
    this.#start = loaded.start;
    this.end = loaded.end * geometry.pageEntries;
  }

  /** Returns the words of a cluster's entry: a part of a page, from `at` on. */
  entry(cluster: number): { readonly words: Uint32Array; readonly at: number } {
    const { pageEntries, entryWords } = this.geometry;
    const page = Math.floor(cluster / pageEntries);
    const words = this.#loaded.pages[page - this.#start] ?? 'empty';
    return words === 'empty' ? { words: NO_ENTRY, at: 0 } : { words, at: (cluster - page * pageEntries) * entryWords };
  }

  /** Returns what the image has at an offset of the disk. */
  kindAt(offset: number): Segment['kind'] {
    const { clusterSize, unitSize } = this.geometry;
    const cluster = Math.floor(offset / clusterSize);
    const { words, at } = this.entry(cluster);
    const kind = this.#kindOf(words, at);
    return kind === 'mixed' ? subclusterKind(words, at, Math.floor((offset - cluster * clusterSize) / unitSize)) : kind;
  }

  /**
   * Returns the end of what is of one kind from an offset of the disk on: where another kind begins, or `end`, or before if it
   * takes long to find.
   */
  runEnd(offset: number, kind: Segment['kind'], end: number): number {
    const { clusterSize, unitSize, pageEntries, entryWords } = this.geometry;
    let cluster = Math.floor(offset / clusterSize);
    let first = Math.floor((offset - cluster * clusterSize) / unitSize);
    for (let scanned = 0; scanned < MAX_SCANNED && cluster * clusterSize < end;) {
      const page = Math.floor(cluster / pageEntries);
      if ((this.#loaded.pages[page - this.#start] ?? 'empty') === 'empty') {
        if (kind !== 'absent') break;
        cluster = (page + 1) * pageEntries;
        first = 0;
        continue;
      }
      const { words, at } = this.entry(cluster);
      if (kind === 'absent') {
        // Most entries of most disks are zero: these words are skipped in a tight loop.
        const skipped = Math.floor((nextUsed(words, at) - at) / entryWords);
        if (skipped > 0) {
          cluster += skipped;
          scanned += Math.ceil(skipped / SKIPPED_PER_SCANNED);
          first = 0;
          continue;
        }
      }
      const found = this.#kindOf(words, at);
      if (found === 'mixed') {
        let unit = first;
        while (unit < SUBCLUSTERS && subclusterKind(words, at, unit) === kind) unit++;
        if (unit < SUBCLUSTERS) return Math.min(end, cluster * clusterSize + unit * unitSize);
      } else if (found !== kind) break;
      cluster++;
      first = 0;
      scanned++;
    }
    return Math.min(end, cluster * clusterSize);
  }

  #kindOf(words: Uint32Array, at: number): Segment['kind'] | 'mixed' {
    const kind = kindOf(words, at, this.geometry);
    return kind === 'compressed' ? 'data' : kind;
  }
}
