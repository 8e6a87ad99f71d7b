import { createHash } from 'node:crypto';
import { asBytes } from '../table-pages.js';
import type { Geometry } from './geometry.js';
import { toMachineOrder } from './table-reader.js';

/** How a run is stored; part of the token, so never renumbered. */
export const RUN = { data: 1, zero: 2, compressed: 3 } as const;

const RECORD_WORDS = 8;
const BUFFER_WORDS = RECORD_WORDS * 2048;

/** Consecutive guest clusters that are stored one after another, in one way. */
export interface Run {
  readonly kind: (typeof RUN)[keyof typeof RUN];
  /** Index of the guest cluster. */
  readonly cluster: number;
  /** The words of the host offset. Compressed: the descriptor. Zero: 0, because what lies there is not read. */
  readonly high: number;
  readonly low: number;
  /** The subclusters that read as zeros, and those that are allocated; 0 without extended L2 entries. */
  readonly zeros: number;
  readonly allocated: number;
}

/**
 * Identifies the state of an image by its guest map: SHA-256 over words of 32 bits, big-endian.
 *
 * - First: cluster_bits, 1 with extended L2 entries or 0, 1 with a data file or 0, 0.
 * - Then eight words for each run, in the order of the disk: kind (`RUN`), number of clusters, guest cluster (two words), host offset
 *   (two words), bitmap of the subclusters (two words: those that read as zeros, those that are allocated).
 *
 * A run is as long as possible: its clusters follow each other in the disk and, as data, in the file, and have equal bitmaps.
 * Compressed clusters are runs of one. What is unallocated is in no run. Bit 63 of the entries, refcounts, feature flags, names and
 * snapshots are not part of it. Writes into allocated clusters do not change it.
 */
export class MapToken {
  readonly #hash = createHash('sha256');
  readonly #buffer = new Uint32Array(BUFFER_WORDS);
  readonly #clusterSize: number;
  #length = 0;
  #run: Run | undefined;
  #count = 0;

  constructor({ clusterBits, clusterSize, isExtended, hasDataFile }: Geometry) {
    this.#clusterSize = clusterSize;
    this.#buffer.set([clusterBits, Number(isExtended), Number(hasDataFile), 0]);
    this.#flush(4);
  }

  /** Adds a guest cluster; each comes after those before it. */
  add(next: Run): void {
    const run = this.#run;
    if (run && this.#follows(run, next)) {
      this.#count++;
      return;
    }
    if (run) this.#put(run);
    this.#run = next;
    this.#count = 1;
  }

  /** Returns the 32 bytes of the token. */
  finish(): Uint8Array {
    if (this.#run) this.#put(this.#run);
    this.#flush(this.#length);
    return this.#hash.digest();
  }

  #follows(run: Run, next: Run): boolean {
    if (run.kind !== next.kind || run.kind === RUN.compressed) return false;
    if (next.cluster !== run.cluster + this.#count) return false;
    if (next.zeros !== run.zeros || next.allocated !== run.allocated) return false;
    if (run.kind === RUN.zero) return true;
    const distance = (next.high - run.high) * 2 ** 32 + (next.low - run.low);
    return distance === this.#count * this.#clusterSize;
  }

  #put({ kind, cluster, high, low, zeros, allocated }: Run): void {
    if (this.#length === BUFFER_WORDS) this.#flush(BUFFER_WORDS);
    const buffer = this.#buffer;
    let at = this.#length;
    buffer[at++] = kind;
    buffer[at++] = this.#count;
    buffer[at++] = Math.floor(cluster / 2 ** 32);
    buffer[at++] = cluster;
    buffer[at++] = high;
    buffer[at++] = low;
    buffer[at++] = zeros;
    buffer[at++] = allocated;
    this.#length = at;
  }

  #flush(length: number): void {
    const words = this.#buffer.subarray(0, length);
    toMachineOrder(words);
    this.#hash.update(asBytes(words));
    this.#length = 0;
  }
}
