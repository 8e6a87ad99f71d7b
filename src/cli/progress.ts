import type { SessionEvent } from '../session/events.js';
import { printMessage, warningText } from './output.js';
import { ProgressLine } from './progress-line.js';
import { requestLine } from './request-line.js';
import { keepWarnings } from './running-command.js';

/** Shows the progress of an operation on stderr. */
export interface ProgressView {
  readonly onEvent: (event: SessionEvent) => void;
  /** Runs the operation, and shows its events while it runs. */
  run<T>(title: string, work: () => Promise<T>): Promise<T>;
  /** Returns how much of the content is at its destination, in bytes; `undefined` if nothing was moved yet. */
  content(): { readonly done: number; readonly total: number } | undefined;
}

/** How much a command prints besides its result. */
export interface OutputMode {
  /** No progress and no notes. */
  readonly quiet?: boolean;
  /** Requests too. */
  readonly verbose?: boolean;
}

const PLAIN_INTERVAL_MS = 30_000;

/**
 * Returns a live view for a terminal that can animate, a line now and then without one or with `CI`, and only warnings if `quiet`.
 * With `verbose`, each request is a line too.
 */
export function progressView({ quiet = false, verbose = false }: OutputMode): ProgressView {
  const line = new ProgressLine();
  return {
    onEvent: keepWarnings((event) => {
      if (event.type === 'progress') line.update(event);
      else if (event.type === 'warning') printMessage(warningText(event));
      else if (event.type === 'request') {
        if (verbose) printMessage(requestLine(event));
      } else if (!quiet) printMessage(event.message);
    }),
    run: async (title, work) => {
      if (quiet) return await work();
      if (!isAnimated()) return await runPlain(title, line, work);
      // Loaded late: only a terminal needs it.
      const { runLive } = await import('./live-view.js');
      return await runLive(title, line, work);
    },
    content: () => line.content,
  };
}

function isAnimated(): boolean {
  return process.stderr.isTTY && !process.env['CI'] && process.env['TERM'] !== 'dumb';
}

/** Prints the title, and a line now and then, for logs. */
async function runPlain<T>(title: string, line: ProgressLine, work: () => Promise<T>): Promise<T> {
  printMessage(title);
  const timer = setInterval(() => {
    const text = line.text();
    printMessage(text === '' ? 'waiting for the service' : text);
  }, PLAIN_INTERVAL_MS);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}
