/** Narrower terminals get lines of this width: nothing useful fits in less. */
const MIN_WIDTH = 40;
/** Longer lines are hard to read. */
const MAX_WIDTH = 100;
/** The width without a terminal. */
const DEFAULT_WIDTH = 80;

/** Returns the width of help for a terminal with this number of columns; `undefined`: no terminal. */
export function helpWidth(columns: number | undefined): number {
  // A terminal of unknown size has 0 columns.
  return Math.min(MAX_WIDTH, Math.max(MIN_WIDTH, columns || DEFAULT_WIDTH));
}

/** Returns the text in lines of at most `width` characters, broken at spaces only: a longer word, such as a URI, stays whole. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

/**
 * Returns rows in two columns, the second one wrapped. If the first column would take more than half of the width, each row
 * has its second column on lines of its own.
 */
export function columns(rows: readonly (readonly [name: string, text: string])[], width: number): string[] {
  const nameWidth = Math.max(...rows.map(([name]) => name.length)) + 2;
  if (nameWidth + 2 > width / 2)
    return rows.flatMap(([name, text]) => [`  ${name}`, ...wrap(text, width - 6).map((line) => `      ${line}`)]);
  return rows.flatMap(([name, text]) =>
    wrap(text, width - nameWidth - 2).map((line, index) => `  ${(index === 0 ? name : '').padEnd(nameWidth)}${line}`),
  );
}
