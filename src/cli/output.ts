import { VhdupError, messageOf } from '../errors.js';
import { withoutSecrets } from '../blob/without-secrets.js';
import { EXIT, exitCodeOf } from './exit-code.js';

/** Version of the JSON that programs read. */
const SCHEMA = 1;

/** Writes the result of a command: lines for people, or one object for programs. Nothing else goes to stdout. */
export function printResult(json: boolean, result: object, lines: () => readonly string[]): void {
  process.stdout.write(json ? `${JSON.stringify({ vhdup: SCHEMA, ...result })}\n` : lines().map((line) => `${printable(line)}\n`).join(''));
}

/** Writes an error, and returns the exit code that belongs to it. */
export function printError(json: boolean, error: unknown): number {
  const told = error instanceof VhdupError ? error : new VhdupError('unexpected', `unexpected error: ${messageOf(error)}`, { hint: 'please report this' });
  // What the user typed comes back in messages, and may be a URI in the wrong place.
  const known = { code: told.code, message: withoutSecrets(told.message), hint: told.hint === undefined ? undefined : withoutSecrets(told.hint) };
  const exitCode = error instanceof VhdupError ? exitCodeOf(error.code) : EXIT.unexpected;
  if (json) {
    const { code, message, hint } = known;
    process.stdout.write(`${JSON.stringify({ vhdup: SCHEMA, error: { code, message, hint }, exitCode })}\n`);
  } else {
    printMessage(`vhdup: ${known.message}`);
    if (known.hint !== undefined) printMessage(`  ${known.hint}`);
  }
  return exitCode;
}

/** Writes a message for people to stderr. */
export function printMessage(text: string): void {
  process.stderr.write(`${printable(text)}\n`);
}

/** File names and what a server says may hold anything: control characters (but line ends) are shown, not sent. */
export function printable(text: string): string {
   
  return text.replace(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/g, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

/** Names and values in two columns. */
export function table(rows: readonly (readonly [name: string, value: string] | undefined)[]): string[] {
  const shown = rows.filter((row) => row !== undefined);
  const width = Math.max(...shown.map(([name]) => name.length));
  return shown.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`);
}
