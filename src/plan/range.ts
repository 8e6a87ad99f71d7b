/** A stretch of bytes, half open: `[offset, offset + length)`. */
export interface Range {
  readonly offset: number;
  readonly length: number;
}

/** Ranges in ascending order that neither overlap nor touch. All functions here take and give such lists. */
export type RangeSet = readonly Range[];

export function endOf({ offset, length }: Range): number {
  return offset + length;
}

/** Bytes in all ranges. */
export function totalLength(ranges: RangeSet): number {
  return ranges.reduce((sum, { length }) => sum + length, 0);
}

/** Any ranges, in any order, as a set; ranges no more than `gap` bytes apart become one, the gap included. */
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

/** What is in `ranges` and not in `without`. */
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
    if (offset < end) left.push({ offset, length: end - offset });
  }
  return left;
}

/** What is in both. */
export function intersect(ranges: RangeSet, others: RangeSet): Range[] {
  return subtract(ranges, subtract(ranges, others));
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

function at(ranges: RangeSet, index: number): Range {
  const range = ranges[index];
  if (!range) throw new RangeError(`no range ${index}`);
  return range;
}
