/** A range of bytes, half open: `[offset, offset + length)`. */
export interface Range {
  readonly offset: number;
  readonly length: number;
}

/** Ranges in ascending order that neither overlap nor touch. All functions here take and return such lists. */
export type RangeSet = readonly Range[];

/** Returns the offset behind the last byte of a range. */
export function endOf({ offset, length }: Range): number {
  return offset + length;
}

/** Returns the sum of the lengths of all ranges, in bytes. */
export function totalLength(ranges: RangeSet): number {
  return ranges.reduce((sum, { length }) => sum + length, 0);
}

/** Makes a set of any ranges, in any order. Ranges no more than `gap` bytes apart become one, the gap included. */
export function rangeSet(ranges: readonly Range[], gap = 0): Range[] {
  const set: Range[] = [];
  for (const range of [...ranges].sort((a, b) => a.offset - b.offset)) {
    if (range.length === 0) continue;
    const last = set.at(-1);
    if (last && range.offset - endOf(last) <= gap) {
      set[set.length - 1] = { offset: last.offset, length: Math.max(endOf(last), endOf(range)) - last.offset };
    } else {
      set.push(range);
    }
  }
  return set;
}

/**
 * Makes a set of ranges that are added in ascending order. Ranges no more than `gap` bytes apart become one, the gap
 * included.
 */
export class RangeMerger {
  readonly #gap: number;
  readonly #set: Range[] = [];
  #last: Range | undefined;
  /** Bytes that were added, without the gaps. */
  added = 0;

  constructor(gap = 0) {
    this.#gap = gap;
  }

  /** Adds a range that begins at the end of the last one, or behind it. Throws `RangeError` if it begins before. */
  add(range: Range): void {
    const { offset, length } = range;
    const last = this.#last;
    if (last && offset < endOf(last))
      throw new RangeError(`the range at ${offset} comes after one that ends at ${endOf(last)}`);
    if (length === 0) return;
    this.added += length;
    if (last && offset - endOf(last) <= this.#gap) {
      this.#last = { offset: last.offset, length: offset + length - last.offset };
    } else {
      if (last) this.#set.push(last);
      this.#last = { offset, length };
    }
  }

  /** Returns all that was added, as a set. Nothing may be added afterwards. */
  finish(): RangeSet {
    if (this.#last) this.#set.push(this.#last);
    this.#last = undefined;
    return this.#set;
  }
}

/** A position in a set of ranges, for windows in ascending order. */
export class RangeCursor {
  readonly #ranges: RangeSet;
  #next = 0;

  constructor(ranges: RangeSet) {
    this.#ranges = ranges;
  }

  /** Returns the parts of the set within `window`. Windows must come in ascending order. */
  within(window: Range): Range[] {
    for (let range = this.#ranges[this.#next]; range && endOf(range) <= window.offset; range = this.#ranges[this.#next])
      this.#next++;
    const found: Range[] = [];
    for (
      let at = this.#next, range = this.#ranges[at];
      range && range.offset < endOf(window);
      range = this.#ranges[++at]
    ) {
      const offset = Math.max(range.offset, window.offset);
      found.push({ offset, length: Math.min(endOf(range), endOf(window)) - offset });
    }
    return found;
  }
}

/**
 * Returns what is in `ranges` and not in `without`. Ranges that stay whole are the same objects, because a set may have
 * millions.
 */
export function subtract(ranges: RangeSet, without: RangeSet): Range[] {
  const left: Range[] = [];
  let next = 0;
  for (const range of ranges) {
    let offset = range.offset;
    const end = endOf(range);
    while (next < without.length && endOf(at(without, next)) <= offset) next++;
    for (let index = next; index < without.length && at(without, index).offset < end; index++) {
      const hole = at(without, index);
      if (hole.offset > offset) left.push({ offset, length: hole.offset - offset });
      offset = Math.max(offset, endOf(hole));
    }
    if (offset < end) left.push(offset === range.offset ? range : { offset, length: end - offset });
  }
  return left;
}

/** Returns what is in both sets. */
export function intersect(ranges: RangeSet, others: RangeSet): Range[] {
  return subtract(ranges, subtract(ranges, others));
}

/** Returns what is in either of two sets, or in both. */
export function union(one: RangeSet, other: RangeSet): RangeSet {
  if (other.length === 0) return one;
  const all: Range[] = [];
  let next = 0;
  for (const range of one) {
    for (let before = other[next]; before && before.offset < range.offset; before = other[++next]) append(all, before);
    append(all, range);
  }
  for (; next < other.length; next++) append(all, at(other, next));
  return all;
}

/** Adds a range to the end of a set. It must not begin before the last range of the set. */
function append(set: Range[], range: Range): void {
  const last = set.at(-1);
  if (!last || range.offset > endOf(last)) set.push(range);
  else if (endOf(range) > endOf(last))
    set[set.length - 1] = { offset: last.offset, length: endOf(range) - last.offset };
}

/** Cuts ranges at every multiple of `step` bytes, so that no piece is longer than that. */
export function* splitAt(ranges: RangeSet, step: number): Generator<Range> {
  for (const range of ranges) {
    for (let offset = range.offset; offset < endOf(range);) {
      const end = Math.min(endOf(range), (Math.floor(offset / step) + 1) * step);
      yield { offset, length: end - offset };
      offset = end;
    }
  }
}

/** Returns how many pieces `splitAt` makes. */
export function pieceCount(ranges: RangeSet, step: number): number {
  return ranges.reduce((sum, range) => sum + Math.ceil(endOf(range) / step) - Math.floor(range.offset / step), 0);
}

function at(ranges: RangeSet, index: number): Range {
  const range = ranges[index];
  if (!range) throw new RangeError(`no range ${index}`);
  return range;
}
