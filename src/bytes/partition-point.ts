/**
 * Returns how many of the first `count` elements of an ascending list are before a place: `isBefore` is true for these, and false for
 * all others. It is called for a few of the indexes only (binary search).
 */
export function partitionPoint(count: number, isBefore: (index: number) => boolean): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isBefore(middle)) low = middle + 1;
    else high = middle;
  }
  return low;
}
