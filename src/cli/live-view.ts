import cliTruncate from 'cli-truncate';
import { DefaultRenderer, Listr, Spinner, isUnicodeSupported } from 'listr2';
import { redact } from '../redact/redact.js';
import { LiveLines, columnsOf } from './live-lines.js';
import { printableLine } from './output.js';
import type { BarStyle, ProgressLine } from './progress-line.js';

/** Columns that listr2 puts before the text of a task, and before what a task says below it. */
const INDENTATION = 2;

/** Runs `work` with a spinner, `title` and the progress line on stderr, which is a terminal. */
export async function runLive<T>(title: string, line: ProgressLine, work: () => Promise<T>): Promise<T> {
  const terminal = process.stderr;
  const bar: BarStyle = isUnicodeSupported() ? { full: '━', empty: '─' } : { full: '#', empty: '-' };
  const spinner = new Spinner();
  let show: (text: string) => void = () => undefined;

  /** The renderer of listr2, but for stderr, and without what it leaves behind when the terminal is resized. */
  class StderrRenderer extends DefaultRenderer {
    static override readonly nonTTY = true;
    readonly #lines = new LiveLines(terminal, () => this.#content());

    override render(): Promise<void> {
      this.#lines.start();
      spinner.start(() => {
        this.#lines.draw();
      });
      return Promise.resolve();
    }

    override update(): void {
      this.#lines.draw();
    }

    override end(): void {
      spinner.stop();
      this.#lines.stop();
      terminal.write(`${this.create({ prompt: false })}\n`);
    }

    protected override format(message: string, icon: string, level: number): string[] {
      // The last column stays free: some terminals begin a new line as soon as it is used.
      const width = columnsOf(terminal) - 1 - INDENTATION * (level + 1);
      const text = cliTruncate(message, Math.max(1, width), { position: level === 0 ? 'middle' : 'end' });
      return text === '' ? [] : [`${' '.repeat(INDENTATION * level)}${icon} ${text}`];
    }

    #content(): readonly string[] {
      show(line.text(columnsOf(terminal) - 1 - 2 * INDENTATION, bar));
      return this.create().split('\n');
    }
  }

  let result = (): T => {
    throw new Error('the task has not run');
  };
  const tasks = new Listr(
    [
      {
        title: printableLine(redact(title)),
        task: async (_, task) => {
          show = (text) => {
            if (text !== '') task.output = text;
          };
          const value = await work();
          result = () => value;
        },
      },
    ],
    {
      renderer: StderrRenderer,
      rendererOptions: { spinner, showErrorMessage: false, collapseErrors: false },
      registerSignalListeners: false,
    },
  );
  await tasks.run();
  return result();
}
