import { formatShare } from '../bytes/format-size.js';
import { hasCode } from '../errors.js';
import { EXIT } from './exit-code.js';
import { interruptible, reportStopping } from './interrupt.js';
import { printMessage } from './output.js';
import type { ProgressView } from './progress.js';
import { hasSecret, shellCommand } from './shell-command.js';

/** A command that may be stopped, and resumes when it is run again. */
export interface ResumableRun {
  readonly view: ProgressView;
  /** Whether the command prints JSON: then the error goes to stdout too. */
  readonly json: boolean;
  /** Completes "107.5 of 256.0 MiB …". */
  readonly outcome: string;
}

/**
 * Runs `work`, as `interruptible` does. If a signal stops it, prints how much is done and the command that resumes it, and sets the
 * exit code.
 */
export async function runResumable(
  { view, json, outcome }: ResumableRun,
  work: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const report = () => {
    printMessage(stoppedMessage(view.content(), outcome, process.argv.slice(2)));
  };
  try {
    await interruptible(work, { onFirst: reportStopping, onSecond: report });
  } catch (error) {
    if (!hasCode(error, 'cancelled')) throw error;
    report();
    if (json) throw error;
    process.exitCode = EXIT.interrupted;
  }
}

/** Returns how much is done, and the command that resumes the work. */
function stoppedMessage(
  content: { readonly done: number; readonly total: number } | undefined,
  outcome: string,
  args: readonly string[],
): string {
  const amount = content && content.total > 0 ? `: ${formatShare(content.done, content.total)} ${outcome}` : '';
  const secret = hasSecret(args) ? ', with the SAS put in again instead of REDACTED' : '';
  return `stopped${amount}. To go on, run the same command${secret}:\n${shellCommand(args)}`;
}
