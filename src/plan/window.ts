import { splitAt, type Range, type RangeSet } from '../bytes/range.js';

/** A stretch of the disk that is worked on at a time: it begins at a multiple of the window's length. */
export interface Window {
  readonly offset: number;
  /** What is fetched of it. */
  readonly fetch: readonly Range[];
}

/**
 * The windows of `length` bytes, in order, in which anything is to be fetched or compared. Each window is one, so two of
 * them never touch the same stretch.
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

/** Ranges cut into windows, those of one window together. */
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
