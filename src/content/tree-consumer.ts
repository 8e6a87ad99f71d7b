import type { Hashing } from '../digest/hashing.js';
import { LEAF, TreeHasher, VALUE } from '../digest/tree.js';
import { alignedOut } from '../bytes/align.js';
import { endOf, intersect, subtract, type Range, type RangeSet } from '../bytes/range.js';
import type { Consumer, View } from './scan.js';

/** The values of consecutive leaves, the first of them at `index`. */
export interface LeafRun {
  readonly index: number;
  readonly values: Uint8Array;
}

/** What is known of a disk's leaves before anything is read: those of an ancestor hold where nothing changed since. */
export interface KnownLeaves {
  /** In ascending order; leaves that are left out are zero. */
  readonly runs: AsyncIterable<LeafRun>;
  /** Where the disk says something else than the ancestor, or may. */
  readonly changed: RangeSet;
}

/** What was known of an ancestor is gone: the digest has to be computed without. */
export class KnownLeavesLost extends Error {
  override readonly name = 'KnownLeavesLost';
}

/** The tree digest of a disk. Only leaves are read that hold data and are not known. */
export class TreeConsumer implements Consumer {
  readonly needs: RangeSet;
  readonly #hashing: Hashing;
  readonly #tree: TreeHasher;
  readonly #known: KnownIterator;
  readonly #keep: (run: LeafRun) => Promise<void>;
  readonly #progress: (done: number) => void;
  #last: Promise<void> = Promise.resolve();

  /** `data`: where the disk stores bytes. `keep` gets all leaves but zeros nobody stores, in order. `progress` may throw, to stop. */
  constructor(
    size: number,
    data: RangeSet,
    known: KnownLeaves | undefined,
    hashing: Hashing,
    keep: (run: LeafRun) => Promise<void>,
    progress: (done: number) => void,
  ) {
    const leaves = alignedOut(data, LEAF, size);
    const changed = known && alignedOut(known.changed, LEAF, size);
    this.needs = changed ? intersect(leaves, changed) : leaves;
    this.#known = new KnownIterator(known?.runs, changed ?? [], size);
    this.#hashing = hashing;
    this.#tree = new TreeHasher(size);
    this.#keep = keep;
    this.#progress = progress;
  }

  async take({ offset, bytes, ranges }: View): Promise<void> {
    const hashed = ranges.map(async (range) => ({
      index: range.offset / LEAF,
      values: await this.#hashing.leaves(bytes.subarray(range.offset - offset, endOf(range) - offset)),
    }));
    const all = Promise.allSettled(hashed).then(() => Promise.all(hashed));
    all.catch(() => undefined);
    this.#last = this.#last.then(async () => {
      for (const run of await all) {
        for await (const known of this.#known.before(run.index)) await this.#add(known);
        await this.#add(run);
      }
    });
    // The bytes are free as soon as they are hashed; an error of what follows is thrown by `digest`.
    this.#last.catch(() => undefined);
    await all;
    this.#progress(offset + bytes.length);
  }

  /** 32 bytes; after the last window. */
  async digest(): Promise<Buffer> {
    await this.#last;
    for await (const known of this.#known.before(Infinity)) await this.#add(known);
    return this.#tree.digest();
  }

  /** Lets go of what is known; never throws. */
  async close(): Promise<void> {
    await this.#known.close();
  }

  async #add(run: LeafRun): Promise<void> {
    this.#tree.add(run.index, run.values);
    await this.#keep(run);
  }
}

/** The known leaves that still hold, taken in ascending order. */
class KnownIterator {
  readonly #runs: AsyncIterator<LeafRun, unknown> | undefined;
  readonly #changed: RangeSet;
  readonly #end: number;
  readonly #waiting: LeafRun[] = [];
  #nextChanged = 0;

  constructor(runs: AsyncIterable<LeafRun> | undefined, changed: RangeSet, size: number) {
    this.#runs = runs?.[Symbol.asyncIterator]();
    this.#changed = changed;
    this.#end = Math.ceil(size / LEAF);
  }

  /** Those with an index below `index` that were not taken before. */
  async *before(index: number): AsyncGenerator<LeafRun> {
    for (;;) {
      const run = this.#waiting.shift();
      if (!run) {
        const next = await this.#next();
        if (!next || next.done === true) return;
        this.#waiting.push(...this.#unchanged(next.value));
        continue;
      }
      if (run.index >= index) {
        this.#waiting.unshift(run);
        return;
      }
      const count = Math.min(run.values.length / VALUE, index - run.index);
      yield { index: run.index, values: run.values.subarray(0, count * VALUE) };
      if (count < run.values.length / VALUE)
        this.#waiting.unshift({ index: run.index + count, values: run.values.subarray(count * VALUE) });
    }
  }

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
      // The last leaf may be cut short by the end of the disk; it is a whole one here.
      if (range) changed.push({ offset: range.offset, length: Math.ceil(endOf(range) / LEAF) * LEAF - range.offset });
    }
    return subtract([whole], changed).map((range) => ({
      index: range.offset / LEAF,
      values: values.subarray((range.offset / LEAF - index) * VALUE, (endOf(range) / LEAF - index) * VALUE),
    }));
  }
}
