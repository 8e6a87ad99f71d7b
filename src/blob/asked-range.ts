/**
 * False for the answer to a read of a range that begins elsewhere: something on the way has taken the range off the request,
 * or answers another one. Its length may be right all the same.
 */
export function beginsAsAsked(asked: string | undefined, contentRange: string | undefined): boolean {
  const first = /^bytes=(\d+)-/.exec(asked ?? '')?.[1];
  return first === undefined || Number(first) === Number(/^bytes (\d+)-/.exec(contentRange ?? '')?.[1] ?? 0);
}
