import stringWidth from 'string-width';

const HIDE_CURSOR = '\u001b[?25l';
const SHOW_CURSOR = '\u001b[?25h';

/** What is used of a terminal: `process.stderr` is one. */
export interface Terminal {
  readonly columns: number;
  write(chunk: string | Uint8Array, ...rest: unknown[]): boolean;
  on(event: 'resize', listener: () => void): unknown;
  off(event: 'resize', listener: () => void): unknown;
}

/** Returns the columns of a terminal; 80 if it does not know them. */
export function columnsOf({ columns }: Pick<Terminal, 'columns'>): number {
  return columns > 0 ? columns : 80;
}

/**
 * Lines at the end of a terminal that are redrawn in place. Other output to the terminal appears above
 * them. They stay in their place when the terminal is resized.
 */
export class LiveLines {
  readonly #terminal: Terminal;
  readonly #content: () => readonly string[];
  readonly #write: (chunk: string | Uint8Array, ...rest: unknown[]) => boolean;
  #drawn: readonly string[] = [];
  #columns = 0;
  readonly #showCursor = () => {
    this.#write(SHOW_CURSOR);
  };
  readonly #onResize = () => {
    this.draw();
  };

  /** `content` returns the lines as they are now, each shorter than the terminal is wide. */
  constructor(terminal: Terminal, content: () => readonly string[]) {
    this.#terminal = terminal;
    this.#content = content;
    this.#write = terminal.write.bind(terminal);
  }

  /** Draws the lines for the first time. Call `stop` in the end. */
  start(): void {
    this.#terminal.write = (chunk: string | Uint8Array, ...rest: unknown[]) => this.#writeAbove(chunk, rest);
    this.#terminal.on('resize', this.#onResize);
    process.on('exit', this.#showCursor);
    this.#write(HIDE_CURSOR);
    this.draw();
  }

  /** Draws the lines as they are now, if that changes anything. */
  draw(): void {
    const lines = this.#content();
    if (columnsOf(this.#terminal) === this.#columns && lines.join('\n') === this.#drawn.join('\n')) return;
    this.#put(this.#erasure(), lines);
  }

  /** Erases the lines. */
  stop(): void {
    this.#terminal.off('resize', this.#onResize);
    process.off('exit', this.#showCursor);
    this.#write(this.#erasure() + SHOW_CURSOR);
    this.#drawn = [];
    this.#terminal.write = this.#write;
  }

  #writeAbove(chunk: string | Uint8Array, rest: readonly unknown[]): boolean {
    this.#write(this.#erasure());
    const result = this.#write(chunk, ...rest);
    // The lines begin in the first column, so the text has to end its line.
    const isWhole = typeof chunk === 'string' ? chunk.endsWith('\n') : chunk.at(-1) === 0x0a;
    this.#put(isWhole ? '' : '\n', this.#content());
    return result;
  }

  /** Writes `before` and the lines, and remembers what is on the terminal. */
  #put(before: string, lines: readonly string[]): void {
    this.#write(before + lines.map((line) => `${line}\n`).join(''));
    this.#drawn = lines;
    this.#columns = columnsOf(this.#terminal);
  }

  /**
   * Returns what erases the lines and leaves the cursor in their place. Terminals wrap lines again when they get narrower, so a
   * line that was drawn before may have several rows now.
   */
  #erasure(): string {
    const columns = columnsOf(this.#terminal);
    const rows = this.#drawn.reduce((sum, line) => sum + Math.max(1, Math.ceil(stringWidth(line) / columns)), 0);
    // Row by row: some terminals move what "erase to the end" erases into their history.
    return `\r${'\u001b[1A\u001b[2K'.repeat(rows)}`;
  }
}
