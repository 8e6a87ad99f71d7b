/**
 * Returns false if the answer to a read of a range begins at another offset: a proxy has removed the range from the request, or has
 * answered another request. The length of such an answer may still be right. `requested`: the `x-ms-range` header of the request.
 */
export function startsAtRequestedOffset(requested: string | undefined, contentRange: string | undefined): boolean {
  const first = /^bytes=(\d+)-/.exec(requested ?? '')?.[1];
  return first === undefined || Number(first) === Number(/^bytes (\d+)-/.exec(contentRange ?? '')?.[1] ?? 0);
}
