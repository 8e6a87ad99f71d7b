import { EventEmitter } from 'node:events';
import t from 'tap';
import { LiveLines, columnsOf } from '../../src/cli/live-lines.js';

interface Row {
  text: string;
  /** True if it goes on with the row before, because that was full. */
  readonly continues: boolean;
}

/** A terminal that wraps long lines anew when it is resized, as most of them do. */
class Screen extends EventEmitter {
  columns: number;
  #rows: Row[] = [{ text: '', continues: false }];
  #row = 0;
  #column = 0;

  constructor(columns: number) {
    super();
    this.columns = columns;
  }

  readonly write = (chunk: string | Uint8Array): boolean => {
    for (const [token] of String(chunk).matchAll(/\u001b\[[?\d]*[A-Za-z]|[^\u001b]/g)) this.#take(token);
    return true;
  };

  /** The cursor has to be in the first column. */
  resize(columns: number): void {
    const lines: string[] = [];
    let cursor = 0;
    for (const [index, { text, continues }] of this.#rows.entries()) {
      lines.push((continues ? (lines.pop() ?? '') : '') + text);
      if (index === this.#row) cursor = lines.length - 1;
    }
    this.columns = columns;
    this.#rows = [];
    for (const [index, line] of lines.entries()) {
      if (index === cursor) this.#row = this.#rows.length;
      for (let at = 0; at === 0 || at < line.length; at += columns)
        this.#rows.push({ text: line.slice(at, at + columns), continues: at > 0 });
    }
    this.emit('resize');
  }

  /** What the user sees, without empty rows at the end. */
  get text(): string {
    return this.#rows
      .map(({ text }) => text)
      .join('\n')
      .trimEnd();
  }

  #take(token: string): void {
    if (token === '\n') this.#nextRow(false);
    else if (token === '\r') this.#column = 0;
    else if (token === '\u001b[1A') this.#row = Math.max(0, this.#row - 1);
    else if (token === '\u001b[2K') this.#rows[this.#row] = { text: '', continues: false };
    else if (!token.startsWith('\u001b')) this.#put(token);
  }

  #put(char: string): void {
    if (this.#column === this.columns) this.#nextRow(true);
    const row = this.#rows[this.#row];
    if (row) row.text = row.text.slice(0, this.#column) + char + row.text.slice(this.#column + 1);
    this.#column++;
  }

  #nextRow(continues: boolean): void {
    this.#column = 0;
    this.#row++;
    this.#rows[this.#row] ??= { text: '', continues };
  }
}

t.test('lines are drawn over, and what others write appears above them', (t) => {
  const screen = new Screen(40);
  let progress = 'one';
  const lines = new LiveLines(screen, () => ['title', progress]);
  screen.write('$ command\n');
  lines.start();
  progress = 'two';
  lines.draw();
  t.equal(screen.text, '$ command\ntitle\ntwo');
  screen.write('a note\n');
  screen.write('no line end');
  t.equal(screen.text, '$ command\na note\nno line end\ntitle\ntwo');
  lines.stop();
  screen.write('the end\n');
  t.equal(screen.text, '$ command\na note\nno line end\nthe end');
  t.end();
});

t.test('resizing leaves no stale rows, and takes none of what is above', (t) => {
  const screen = new Screen(80);
  const lines = new LiveLines(screen, () => ['t'.repeat(screen.columns - 1), 'p'.repeat(screen.columns - 5)]);
  screen.write('$ command\n');
  lines.start();
  for (const columns of [30, 20, 100, 15, 80]) {
    screen.resize(columns);
    t.equal(screen.text, `$ command\n${'t'.repeat(columns - 1)}\n${'p'.repeat(columns - 5)}`, `${columns} columns`);
  }
  lines.stop();
  t.equal(screen.text, '$ command');
  t.equal(screen.listenerCount('resize'), 0);
  t.end();
});

t.test('a terminal that does not know its width has 80 columns', (t) => {
  t.strictSame([columnsOf({ columns: 0 }), columnsOf({ columns: 132 })], [80, 132]);
  t.end();
});
