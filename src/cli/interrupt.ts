import { EXIT } from './exit-code.js';
import { printMessage } from './output.js';

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/** What is done when a signal comes. */
export interface SignalActions {
  /** With the first one: the work is stopping. */
  readonly onFirst?: () => void;
  /** With the second one, before the process ends. */
  readonly onSecond?: () => void;
}

/**
 * Runs `work`. The first Ctrl-C (or SIGTERM) aborts its signal: the work finishes what is under way. The second one ends the process
 * at once. When the work is done and its result is printed, a signal no longer changes the exit code: the first one is then ignored,
 * and the second one ends the process with the exit code that it has.
 */
export async function interruptible<T>(
  work: (signal: AbortSignal) => Promise<T>,
  { onFirst, onSecond }: SignalActions = {},
): Promise<T> {
  const controller = new AbortController();
  const interrupt = () => {
    if (controller.signal.aborted) {
      onSecond?.();
      process.exit(EXIT.interrupted);
    }
    controller.abort();
    onFirst?.();
  };
  for (const name of SIGNALS) process.on(name, interrupt);
  try {
    const result = await work(controller.signal);
    let isWaiting = true;
    const late = () => {
      if (!isWaiting) process.exit(process.exitCode);
      isWaiting = false;
    };
    for (const name of SIGNALS) process.on(name, late);
    return result;
  } finally {
    for (const name of SIGNALS) process.off(name, interrupt);
  }
}

/** Prints that the work is stopping, and what a second Ctrl-C does. For `onFirst`. */
export function reportStopping(): void {
  printMessage('stopping: finishing the requests under way (Ctrl-C again to stop at once)');
}
