import type { Hashing } from '../digest/hashing.js';
import { LEAF, TreeHasher, type LeafRun } from '../digest/tree.js';
import { alignedOut } from '../bytes/align.js';
import { endOf, intersect, type RangeSet } from '../bytes/range.js';
import type { DigestInput } from './digest-computation.js';
import { UnchangedLeaves, type KnownLeaves } from './known-leaves.js';
import type { Consumer, ScannedWindow } from './scan.js';

/** Computes the tree digest of a disk. Only leaves that hold data and are not known are read. */
export class TreeConsumer implements Consumer {
  readonly ranges: RangeSet;
  readonly #hashing: Hashing;
  readonly #tree: TreeHasher;
  readonly #known: UnchangedLeaves;
  readonly #keep: (run: LeafRun) => Promise<void>;
  readonly #onProgress: (done: number) => void;
  #last: Promise<void> = Promise.resolve();

  /** `keep` is called with all leaves in order, except for those that are zero because no layer stores them. */
  constructor(
    { size, data, hashing, onProgress }: DigestInput,
    known: KnownLeaves | undefined,
    keep: (run: LeafRun) => Promise<void>,
  ) {
    const leaves = alignedOut(data, LEAF, size);
    const changed = known && alignedOut(known.changed, LEAF, size);
    this.ranges = changed ? intersect(leaves, changed) : leaves;
    this.#known = new UnchangedLeaves(known?.runs, changed ?? [], size);
    this.#hashing = hashing;
    this.#tree = new TreeHasher(size);
    this.#keep = keep;
    this.#onProgress = onProgress;
  }

  async onWindow({ offset, bytes, ranges }: ScannedWindow): Promise<void> {
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
    // The bytes are free as soon as they are hashed. An error in what follows is thrown by `digest`.
    this.#last.catch(() => undefined);
    await all;
    this.#onProgress(offset + bytes.length);
  }

  /**
   * Returns the digest, 32 bytes, when the scan has ended. Throws `KnownLeavesLost` if known leaves could not be read.
   */
  async digest(): Promise<Buffer> {
    await this.#last;
    for await (const known of this.#known.before(Infinity)) await this.#add(known);
    return this.#tree.digest();
  }

  /** Closes the source of the known leaves. Never throws. */
  async close(): Promise<void> {
    await this.#known.close();
  }

  async #add(run: LeafRun): Promise<void> {
    this.#tree.add(run.index, run.values);
    await this.#keep(run);
  }
}
