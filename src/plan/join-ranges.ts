import { endOf, intersect, type Range, type RangeSet } from '../bytes/range.js';

/** How neighbouring ranges are joined. All are bytes. */
export interface Joining {
  /** The widest gap between two ranges that are joined. */
  readonly maxGap: number;
  /** Joined ranges must have at least this many bytes, the gaps included. Otherwise they are not joined. */
  readonly minBytes: number;
  /** Joined ranges have at most this many bytes, the gaps included. */
  readonly maxBytes: number;
}

/**
 * Yields `ranges` in order, with neighbours joined to one range, the gap included: to send a small gap is cheaper
 * than another request. Nothing is joined across a gap that has bytes of `written`. Calls `joining` for each
 * range that it yields, when that range is taken, because the price of a request changes over time.
 */
export function* joinRanges(ranges: RangeSet, written: RangeSet, joining: () => Joining): Generator<Range> {
  for (let next = 0, first = ranges[next]; first; first = ranges[next]) {
    const { maxGap, minBytes, maxBytes } = joining();
    const { offset } = first;
    let end = endOf(first);
    let count = 1;
    for (
      let other = ranges[next + count];
      other && other.offset - end <= maxGap && endOf(other) - offset <= maxBytes;
      other = ranges[next + ++count]
    ) {
      if (intersect([{ offset: end, length: other.offset - end }], written).length > 0) break;
      end = endOf(other);
    }
    if (end - offset < minBytes) [end, count] = [endOf(first), 1];
    yield { offset, length: end - offset };
    next += count;
  }
}
