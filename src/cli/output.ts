import { VhdupError, messageOf } from '../errors.js';
import { withoutSecrets } from '../blob/without-secrets.js';
import { EXIT, exitCodeOf } from './exit-code.js';

/** Version of the JSON that programs read. */
const SCHEMA = 1;

/** Writes the result of a command: lines for people, or one object for programs. Nothing else goes to stdout. */
export function printResult(json: boolean, result: object, lines: () => readonly string[]): void {
  process.stdout.write(json ? jsonLine({ vhdup: SCHEMA, ...result }) : lines().map((line) => `${printableLine(withoutSecrets(line))}\n`).join(''));
}

/** Writes an error, and returns the exit code that belongs to it. */
export function printError(json: boolean, error: unknown): number {
  const told = error instanceof VhdupError ? error : new VhdupError('unexpected', `unexpected error: ${messageOf(error)}`, { hint: 'please report this' });
  const exitCode = error instanceof VhdupError ? exitCodeOf(error.code) : EXIT.unexpected;
  if (json) {
    const { code, message, hint } = told;
    process.stdout.write(jsonLine({ vhdup: SCHEMA, error: { code, message, hint }, exitCode }));
  } else {
    printMessage(`vhdup: ${told.message}`);
    if (told.hint !== undefined) printMessage(`  ${told.hint}`);
  }
  return exitCode;
}

/** Writes a message for people to stderr. Its further lines are indented: no text in it passes for a message of its own. */
export function printMessage(text: string): void {
  process.stderr.write(`${printable(withoutSecrets(text)).replaceAll('\n', '\n  ')}\n`);
}

/**
 * What a terminal takes for more than text: control characters (C0, DEL, C1), marks and overrides of the writing
 * direction, separators of lines, and characters without width.
 */
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

/** File names and what a server says may hold anything: control characters (but line ends) are shown, not sent. */
export function printable(text: string): string {
  return text.replace(CONTROL, (char) => (char === '\n' ? char : shown(char)));
}

/** The same for one line: its line ends are shown too. */
export function printableLine(text: string): string {
  return text.replace(CONTROL, shown);
}

function shown(char: string): string {
  const code = char.charCodeAt(0);
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
}

/** One object on one line; JSON itself would send C1 controls and overrides of the writing direction as they are. */
function jsonLine(value: object): string {
  // What the user typed comes back in messages, and may be a URI in the wrong place.
  const text = JSON.stringify(value, (_, member: unknown) => (typeof member === 'string' ? withoutSecrets(member) : member));
  return `${text.replace(CONTROL, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)}\n`;
}

/** Names and values in two columns. */
export function table(rows: readonly (readonly [name: string, value: string] | undefined)[]): string[] {
  const shownRows = rows.filter((row) => row !== undefined);
  const width = Math.max(...shownRows.map(([name]) => name.length));
  return shownRows.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`);
}
