import { splitAt, type Range, type RangeSet } from '../bytes/range.js';

/** A part of the disk that is fetched and stored in one step. It begins at a multiple of the window's length. */
export interface Window {
  readonly offset: number;
  /** The ranges within it that are fetched. */
  readonly fetch: readonly Range[];
}

/**
 * Yields the windows of `length` bytes in which anything is fetched or compared, in ascending order. Each window comes
 * once, so no two of them have bytes in common.
 */
export function* windowsOf(fetch: RangeSet, compare: RangeSet, length: number): Generator<Window> {
  const fetched = groups(fetch, length);
  const compared = groups(compare, length);
  let one = fetched.next().value;
  let other = compared.next().value;
  while (one || other) {
    const offset = Math.min(one?.offset ?? Infinity, other?.offset ?? Infinity);
    if (other?.offset === offset) other = compared.next().value;
    if (one?.offset === offset) {
      yield one;
      one = fetched.next().value;
    } else {
      yield { offset, fetch: [] };
    }
  }
}

/** Cuts ranges into windows, and yields the ranges of each window together. */
function* groups(ranges: RangeSet, length: number): Generator<Window, undefined> {
  let window: { offset: number; fetch: Range[] } | undefined;
  for (const piece of splitAt(ranges, length)) {
    const offset = Math.floor(piece.offset / length) * length;
    if (window?.offset === offset) window.fetch.push(piece);
    else {
      if (window) yield window;
      window = { offset, fetch: [piece] };
    }
  }
  if (window) yield window;
  return undefined;
}
