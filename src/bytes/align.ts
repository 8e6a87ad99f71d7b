import { endOf, rangeSet, type Range, type RangeSet } from './range.js';

/** The ranges grown to whole multiples of `step` bytes, but not beyond `end`. */
export function alignedOut(ranges: RangeSet, step: number, end: number): Range[] {
  return rangeSet(
    ranges.map((range) => {
      const offset = Math.floor(range.offset / step) * step;
      return { offset, length: Math.min(end, Math.ceil(endOf(range) / step) * step) - offset };
    }),
  );
}
