import { partitionPoint } from '../bytes/partition-point.js';
import { endOf, type Range } from '../bytes/range.js';
import { LEAF } from '../digest/tree.js';

/** A range of the disk whose content the base is likely to have at another offset. */
export interface MovedRange extends Range {
  /** The offset in the base. */
  readonly source: number;
}

/** Words of an entry: first leaf, first leaf in the base, number of leaves. */
const WORDS = 3;

/**
 * Leaves of a disk that its base is likely to have at another place, in ascending order. Consecutive leaves that are consecutive
 * there too are one entry; entries lie in one typed array, because a disk may have millions of them.
 */
export class MovedLeaves {
  #words = new Uint32Array(1024 * WORDS);
  #entries = 0;
  #leaves = 0;

  /** Bytes of all these leaves. */
  get bytes(): number {
    return this.#leaves * LEAF;
  }

  /** Adds a whole leaf. Leaves have to be added in ascending order. */
  add(leaf: number, source: number): void {
    this.#leaves++;
    const last = (this.#entries - 1) * WORDS;
    if (this.#entries > 0) {
      const count = this.#word(last + 2);
      if (leaf === this.#word(last) + count && source === this.#word(last + 1) + count) {
        this.#words[last + 2] = count + 1;
        return;
      }
    }
    if ((this.#entries + 1) * WORDS > this.#words.length) {
      const grown = new Uint32Array(this.#words.length * 2);
      grown.set(this.#words);
      this.#words = grown;
    }
    this.#words.set([leaf, source, 1], this.#entries++ * WORDS);
  }

  /** Returns the parts within a range, in ascending order. */
  within(range: Range): MovedRange[] {
    const found: MovedRange[] = [];
    for (let entry = this.#firstEndingAfter(range.offset); entry < this.#entries; entry++) {
      const offset = this.#word(entry * WORDS) * LEAF;
      if (offset >= endOf(range)) break;
      const from = Math.max(offset, range.offset);
      const to = Math.min(this.#endOf(entry), endOf(range));
      found.push({ offset: from, length: to - from, source: this.#word(entry * WORDS + 1) * LEAF + from - offset });
    }
    return found;
  }

  #firstEndingAfter(offset: number): number {
    return partitionPoint(this.#entries, (entry) => this.#endOf(entry) <= offset);
  }

  #endOf(entry: number): number {
    return (this.#word(entry * WORDS) + this.#word(entry * WORDS + 2)) * LEAF;
  }

  #word(at: number): number {
    return this.#words[at] ?? 0;
  }
}
