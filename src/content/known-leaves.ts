import { LEAF, VALUE, type LeafRun } from '../digest/tree.js';
import { endOf, subtract, type Range, type RangeSet } from '../bytes/range.js';

/**
 * What is known about a disk's leaves before anything is read: the leaves of an ancestor hold if nothing changed there
 * since.
 */
export interface KnownLeaves {
  /** In ascending order. Leaves that are left out are zero. */
  readonly runs: AsyncIterable<LeafRun>;
  /** The ranges in which the disk differs from the ancestor, or may differ. */
  readonly changed: RangeSet;
}

/** The known leaves of an ancestor cannot be read any longer, so the digest has to be computed without them. */
export class KnownLeavesLost extends Error {
  override readonly name = 'KnownLeavesLost';
}

/** Reads the known leaves that still hold, in ascending order. */
export class UnchangedLeaves {
  readonly #runs: AsyncIterator<LeafRun, unknown> | undefined;
  readonly #changed: RangeSet;
  readonly #end: number;
  /** Runs that were read and not yet returned. */
  readonly #queue: LeafRun[] = [];
  #nextChanged = 0;

  /** `changed`: in whole leaves, up to `size`, the bytes of the disk. */
  constructor(runs: AsyncIterable<LeafRun> | undefined, changed: RangeSet, size: number) {
    this.#runs = runs?.[Symbol.asyncIterator]();
    this.#changed = changed;
    this.#end = Math.ceil(size / LEAF);
  }

  /** Yields the leaves with an index below `index` that were not yielded before. Throws `KnownLeavesLost`. */
  async *before(index: number): AsyncGenerator<LeafRun> {
    for (;;) {
      const run = this.#queue.shift();
      if (!run) {
        const next = await this.#next();
        if (!next || next.done === true) return;
        this.#queue.push(...this.#unchanged(next.value));
        continue;
      }
      if (run.index >= index) {
        this.#queue.unshift(run);
        return;
      }
      const count = Math.min(run.values.length / VALUE, index - run.index);
      yield { index: run.index, values: run.values.subarray(0, count * VALUE) };
      if (count < run.values.length / VALUE)
        this.#queue.unshift({ index: run.index + count, values: run.values.subarray(count * VALUE) });
    }
  }

  /** Closes the source of the leaves. Never throws. */
  async close(): Promise<void> {
    await this.#runs?.return?.().catch(() => undefined);
  }

  async #next(): Promise<IteratorResult<LeafRun, unknown> | undefined> {
    try {
      return await this.#runs?.next();
    } catch (error) {
      throw new KnownLeavesLost('the leaves that were known cannot be read any longer', { cause: error });
    }
  }

  /** Returns the parts of a run that lie within the disk and did not change. Must be called in ascending order. */
  #unchanged({ index, values }: LeafRun): LeafRun[] {
    const count = Math.min(values.length / VALUE, this.#end - index);
    if (count <= 0) return [];
    const whole = { offset: index * LEAF, length: count * LEAF };
    for (
      let range = this.#changed[this.#nextChanged];
      range && endOf(range) <= whole.offset;
      range = this.#changed[this.#nextChanged]
    )
      this.#nextChanged++;
    const changed: Range[] = [];
    for (let at = this.#nextChanged; (this.#changed[at]?.offset ?? Infinity) < endOf(whole); at++) {
      const range = this.#changed[at];
      // The end of the disk may cut the last leaf short; here it is a whole one.
      if (range) changed.push({ offset: range.offset, length: Math.ceil(endOf(range) / LEAF) * LEAF - range.offset });
    }
    return subtract([whole], changed).map((range) => ({
      index: range.offset / LEAF,
      values: values.subarray((range.offset / LEAF - index) * VALUE, (endOf(range) / LEAF - index) * VALUE),
    }));
  }
}
