import { VALUE, isZeroValue, type LeafRun } from '../digest/tree.js';

/** The most leaves in a table: those of 512 GiB. A table of them takes about 200 MiB. */
const MAX_LEAVES = 8 * 1024 * 1024;
/** The words of a value that are kept: 128 of its 256 bits. */
const KEY_WORDS = 4;
/** The entries of the arrays grow by blocks of this many, so that nothing is copied. */
const BLOCK_BITS = 16;
const BLOCK = 1 << BLOCK_BITS;
/** Entries for each list that is searched. */
const ENTRIES_PER_LIST = 2;

/** Typed arrays for a block of entries. */
interface Block {
  readonly keys: Uint32Array;
  /** Index of the leaf on the disk. */
  readonly leaves: Uint32Array;
  /** The next entry of the same list, plus one; 0: none. */
  readonly next: Uint32Array;
}

/**
 * Finds where a disk has a leaf with a given value. Of values that occur more than once, the first place is kept. Half of a value
 * is compared, so a place that is found is likely, and has to be proved before it is relied on.
 */
export class LeafTable {
  readonly #maxLeaves: number;
  readonly #blocks: Block[] = [];
  /** The first entry of each list, plus one. */
  #lists = new Uint32Array(BLOCK / ENTRIES_PER_LIST);
  #count = 0;
  #isComplete = true;

  constructor(maxLeaves = MAX_LEAVES) {
    this.#maxLeaves = maxLeaves;
  }

  /** False if there were more leaves than a table holds: those that came later are not found. */
  get isComplete(): boolean {
    return this.#isComplete;
  }

  /** Adds leaves. Zeros are left out. */
  add({ index, values }: LeafRun): void {
    for (let at = 0; this.#isComplete && at < values.length; at += VALUE) {
      const value = values.subarray(at, at + VALUE);
      if (isZeroValue(value) || this.find(value) !== undefined) continue;
      if (this.#count === this.#maxLeaves) {
        this.#isComplete = false;
      } else this.#insert(keyOf(value), index + at / VALUE);
    }
  }

  /** Returns the index of a leaf that is likely to have this value; `undefined` if there is none. */
  find(value: Uint8Array): number | undefined {
    const key = keyOf(value);
    for (let entry = this.#lists[this.#listOf(key)] ?? 0; entry > 0;) {
      const block = this.#blocks[(entry - 1) >>> BLOCK_BITS];
      const at = (entry - 1) & (BLOCK - 1);
      if (!block) return undefined;
      if (key.every((word, index) => block.keys[at * KEY_WORDS + index] === word)) return block.leaves[at];
      entry = block.next[at] ?? 0;
    }
    return undefined;
  }

  #insert(key: Uint32Array, leaf: number): void {
    if (this.#count >= this.#lists.length * ENTRIES_PER_LIST) this.#grow();
    const at = this.#count & (BLOCK - 1);
    if (at === 0)
      this.#blocks.push({
        keys: new Uint32Array(BLOCK * KEY_WORDS),
        leaves: new Uint32Array(BLOCK),
        next: new Uint32Array(BLOCK),
      });
    const block = this.#blocks.at(-1);
    if (!block) return;
    block.keys.set(key, at * KEY_WORDS);
    block.leaves[at] = leaf;
    this.#link(block, at, this.#count++, this.#listOf(key));
  }

  /** Doubles the number of lists, and puts every entry into its new one. */
  #grow(): void {
    this.#lists = new Uint32Array(this.#lists.length * 2);
    for (let entry = 0; entry < this.#count; entry++) {
      const block = this.#blocks[entry >>> BLOCK_BITS];
      const at = entry & (BLOCK - 1);
      if (block) this.#link(block, at, entry, (block.keys[at * KEY_WORDS] ?? 0) & (this.#lists.length - 1));
    }
  }

  #link({ next }: Block, at: number, entry: number, list: number): void {
    next[at] = this.#lists[list] ?? 0;
    this.#lists[list] = entry + 1;
  }

  #listOf(key: Uint32Array): number {
    return (key[0] ?? 0) & (this.#lists.length - 1);
  }
}

/** Returns the part of a value that is kept, in a copy of its own: the value may lie anywhere in a buffer. */
function keyOf(value: Uint8Array): Uint32Array {
  const key = new Uint32Array(KEY_WORDS);
  new Uint8Array(key.buffer).set(value.subarray(0, KEY_WORDS * 4));
  return key;
}
