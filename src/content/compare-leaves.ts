import { RangeMerger, totalLength, type RangeSet } from '../bytes/range.js';
import { LEAF, VALUE, isZeroValue, type LeafRun } from '../digest/tree.js';
import type { LeafSource } from './digest-computation.js';
import { LeafTable } from './leaf-table.js';
import { MovedLeaves } from './moved-leaves.js';

/** How the content of a disk differs from that of its base, in whole leaves. */
export interface LeafComparison {
  /** Leaves that differ and hold data, up to the end of the disk. */
  readonly changed: RangeSet;
  /** Leaves that are zero, and are not in the base. */
  readonly zeroed: RangeSet;
  /** The part of `changed` that the base is likely to have at another place. */
  readonly moved: MovedLeaves;
  /** Bytes of the leaves that are equal and not zero. */
  readonly equal: number;
  /** False if the base has more leaves than the search for moved ones holds. */
  readonly isSearchComplete: boolean;
}

/** Amounts of a comparison, in bytes. */
export interface LeafTotals {
  readonly equal: number;
  /** Changed, and likely to be in the base at another place. */
  readonly moved: number;
  /** Changed, and nowhere in the base. */
  readonly changed: number;
  /** Became zero. */
  readonly zero: number;
}

/** Compares the leaves of a disk with those of its base. `throwIfStopped` is called now and then. */
export async function compareLeaves(
  own: LeafSource,
  base: LeafSource,
  throwIfStopped: () => void,
): Promise<LeafComparison> {
  const table = await tableOf(base, throwIfStopped);
  const { size } = own;
  const [changed, zeroed, moved] = [new RangeMerger(), new RangeMerger(), new MovedLeaves()];
  let equal = 0;
  const [ours, theirs] = [new LeafReader(own), new LeafReader(base)];
  for (
    let leaf = await nextOf(ours, theirs, throwIfStopped);
    leaf * LEAF < size;
    leaf = await nextOf(ours, theirs, throwIfStopped)
  ) {
    const [value, other] = [ours.take(leaf), theirs.take(leaf)];
    const range = { offset: leaf * LEAF, length: Math.min(LEAF, size - leaf * LEAF) };
    if (!value) {
      if (other) zeroed.add(range);
    } else if (other && Buffer.compare(value, other) === 0) equal += range.length;
    else {
      changed.add(range);
      const source = range.length === LEAF ? table.find(value) : undefined;
      if (source !== undefined) moved.add(leaf, source);
    }
  }
  await theirs.close();
  return {
    changed: changed.finish(),
    zeroed: zeroed.finish(),
    moved,
    equal,
    isSearchComplete: table.isComplete,
  };
}

/** Returns the amounts of a comparison. */
export function totalsOf({ changed, zeroed, moved, equal }: LeafComparison): LeafTotals {
  return { equal, moved: moved.bytes, changed: totalLength(changed) - moved.bytes, zero: totalLength(zeroed) };
}

/** The last leaf of the base is left out if the base ends within it: the footer follows there. */
async function tableOf(source: LeafSource, throwIfStopped: () => void): Promise<LeafTable> {
  const table = new LeafTable();
  const whole = Math.floor(source.size / LEAF);
  for await (const { index, values } of source.runs()) {
    throwIfStopped();
    table.add({ index, values: values.subarray(0, Math.max(0, whole - index) * VALUE) });
  }
  return table;
}

/** Returns the next leaf that is not zero in both, `Infinity` if there is none. */
function nextOf(ours: LeafReader, theirs: LeafReader, throwIfStopped: () => void): number | Promise<number> {
  if (!ours.isEmpty && !theirs.isEmpty) return Math.min(ours.leaf, theirs.leaf);
  throwIfStopped();
  return Promise.all([ours.load(), theirs.load()]).then(() => Math.min(ours.leaf, theirs.leaf));
}

/** Reads leaves one after the other. Zeros are left out. */
class LeafReader {
  readonly #runs: AsyncIterator<LeafRun, unknown>;
  #run: LeafRun | undefined;
  /** The place of the next value in the run, in bytes. */
  #at = 0;
  #hasEnded = false;

  constructor(source: LeafSource) {
    this.#runs = source.runs()[Symbol.asyncIterator]();
  }

  /** True if `load` has to be called before the next leaf is known. */
  get isEmpty(): boolean {
    return this.#run === undefined && !this.#hasEnded;
  }

  /** The next leaf; `Infinity` if there is none. */
  get leaf(): number {
    return this.#run ? this.#run.index + this.#at / VALUE : Infinity;
  }

  /** Loads the next leaves that are not all zero, if none are loaded. */
  async load(): Promise<void> {
    while (this.isEmpty) {
      const next = await this.#runs.next();
      if (next.done === true) {
        this.#hasEnded = true;
        return;
      }
      [this.#run, this.#at] = [next.value, 0];
      this.#skipZeros();
    }
  }

  /** Ends the reading before the end. */
  async close(): Promise<void> {
    await this.#runs.return?.();
  }

  /** Returns the value of a leaf, and goes on to the next one, if it is `leaf`; otherwise `undefined`. */
  take(leaf: number): Uint8Array | undefined {
    if (this.leaf !== leaf || !this.#run) return undefined;
    const value = this.#run.values.subarray(this.#at, this.#at + VALUE);
    this.#at += VALUE;
    this.#skipZeros();
    return value;
  }

  #skipZeros(): void {
    const { values } = this.#run ?? {};
    while (values && this.#at < values.length && isZeroValue(values.subarray(this.#at, this.#at + VALUE)))
      this.#at += VALUE;
    if (values && this.#at >= values.length) this.#run = undefined;
  }
}
