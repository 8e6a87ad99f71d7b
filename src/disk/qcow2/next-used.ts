/** Returns the index of the next pair of words, from `at` on, that is not zero; the length if there is none. */
export function nextUsed(words: Uint32Array, at: number): number {
  const { length } = words;
  while (at < length && ((words[at] ?? 0) | (words[at + 1] ?? 0)) === 0) at += 2;
  return at;
}
