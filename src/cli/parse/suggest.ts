/** Returns the name that a mistyped one is closest to; `undefined` if none is close. */
export function closest(typed: string, names: readonly string[]): string | undefined {
  const ranked = names
    .map((name) => ({ name, edits: editsBetween(typed.toLowerCase(), name) }))
    .sort((a, b) => a.edits - b.edits);
  const [best] = ranked;
  // A name with a third of its letters wrong is another word.
  return best !== undefined && best.edits <= Math.max(1, Math.floor(best.name.length / 3)) ? best.name : undefined;
}

/** Returns the sentence of an error for a mistyped name; empty if no name is close. `prefix`: before the name, such as `--`. */
export function didYouMean(typed: string, names: readonly string[], prefix = ''): string {
  const name = closest(typed, names);
  return name === undefined ? '' : `; did you mean ${prefix}${name}?`;
}

/** Returns the number of letters to add, remove, replace, or swap with their neighbour that makes one text of the other. */
function editsBetween(a: string, b: string): number {
  // A much longer text is not a typing error, and comparing it would be slow.
  if (Math.abs(a.length - b.length) > b.length) return Infinity;
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, index) => index)];
  const at = (row: number, column: number) => rows[row]?.[column] ?? Infinity;
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    rows.push(row);
    for (let j = 1; j <= b.length; j++) {
      const isSame = a[i - 1] === b[j - 1];
      const isSwapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      row.push(
        Math.min(
          at(i - 1, j) + 1,
          at(i, j - 1) + 1,
          at(i - 1, j - 1) + (isSame ? 0 : 1),
          isSwapped ? at(i - 2, j - 2) + 1 : Infinity,
        ),
      );
    }
  }
  return at(a.length, b.length);
}
