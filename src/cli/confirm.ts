import { createInterface } from 'node:readline/promises';
import { VhdupError } from '../errors.js';
import { printable } from './output.js';

/**
 * Asks on the terminal before something that cannot be undone. The question goes to stderr, the answer comes from stdin. Returns
 * true for `y` or `yes`, and false for any other answer, or if `signal` is aborted. Throws `usage` without a terminal.
 */
export async function confirm(question: string, signal: AbortSignal): Promise<boolean> {
  if (!process.stdin.isTTY || !process.stderr.isTTY)
    throw new VhdupError('usage', 'this cannot be undone, and there is no terminal to ask on', {
      hint: '--yes does it without asking',
    });
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test(
      (await terminal.question(`${printable(question).replaceAll('\n', ' ')} [y/N] `, { signal })).trim(),
    );
  } catch {
    return false;
  } finally {
    terminal.close();
  }
}
