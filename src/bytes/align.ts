import { endOf, rangeSet, type Range, type RangeSet } from './range.js';

/**
 * Returns the ranges grown to whole multiples of `step` bytes, but not beyond `end`. Ranges that touch then become one.
 */
export function alignedOut(ranges: RangeSet, step: number, end: number): Range[] {
  return rangeSet(
    ranges.map((range) => {
      const offset = Math.floor(range.offset / step) * step;
      return { offset, length: Math.min(end, Math.ceil(endOf(range) / step) * step) - offset };
    }),
  );
}
