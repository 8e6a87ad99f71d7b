import { once } from 'node:events';
import { VhdupError, messageOf, type Warning } from '../errors.js';
import { redact } from '../redact/redact.js';
import { EXIT, exitCodeOf } from './exit-code.js';
import { runningCommand } from './running-command.js';
import { writeOut } from './write-out.js';

/** Version of the JSON that programs read. */
const SCHEMA = 2;

/** Writes the result of a command: lines for people, or one object for programs. Nothing else goes to stdout. */
export function printResult(json: boolean, result: object, lines: () => readonly string[]): void {
  writeOut(json ? jsonLine({ ...head(), ...result }) : lines().map(textLine).join(''));
}

/** A result with a list that may not fit in memory. */
export interface LongResult<Item extends object> {
  /** For programs: all members but the list. */
  readonly result: object;
  /** The name of the list; it is the last member of the object. */
  readonly list: string;
  readonly items: AsyncIterable<Item>;
  /** For people: the first line, and the line of an item. */
  readonly heading: string;
  readonly line: (item: Item) => string;
}

/** Returns the members that all JSON begins with. */
function head(): object {
  return { vhdup: SCHEMA, command: runningCommand().command };
}

function keptWarnings(): object {
  const { warnings } = runningCommand();
  return warnings.length === 0 ? {} : { warnings };
}

/** The number of characters that are written at a time. */
const WRITE_CHARS = 64 * 1024;

/**
 * Writes a long result while it is produced, no faster than it is read. For programs it is one object on one line, even if the list
 * fails: then it ends with the members of an error, and the exit code is set. For people the error is thrown.
 */
export async function printLongResult<Item extends object>(
  json: boolean,
  { result, list, items, heading, line }: LongResult<Item>,
): Promise<void> {
  let text = json ? `${jsonText({ ...head(), ...result }).slice(0, -1)},${jsonText(list)}:[` : textLine(heading);
  let separator = '';
  let end = ']}\n';
  try {
    for await (const item of items) {
      text += json ? separator + jsonText(item) : textLine(line(item));
      separator = ',';
      if (text.length < WRITE_CHARS) continue;
      await writeWithBackpressure(text);
      text = '';
    }
  } catch (error) {
    if (!json) {
      await writeWithBackpressure(text);
      throw error;
    }
    const failure = toFailure(error);
    end = `],${jsonText(failure).slice(1)}\n`;
    process.exitCode = failure.exitCode;
  }
  await writeWithBackpressure(json ? text + end : text);
}

/** Writes to stdout, and waits if its reader is slower. */
async function writeWithBackpressure(text: string): Promise<void> {
  if (!writeOut(text)) await once(process.stdout, 'drain');
}

/** Writes an error. Returns its exit code. */
export function printError(json: boolean, thrown: unknown): number {
  const { error, exitCode } = toFailure(thrown);
  if (json) {
    writeOut(jsonLine({ ...head(), error, exitCode, ...keptWarnings() }));
  } else {
    printMessage(`vhdup: ${error.message}`);
    if (error.hint !== undefined) printMessage(`  ${error.hint}`);
    if (error.requestId !== undefined) printMessage(`  request id ${error.requestId}`);
  }
  return exitCode;
}

/** Returns an error in the form that programs read. */
function toFailure(error: unknown): {
  readonly error: Pick<VhdupError, 'code' | 'message' | 'hint' | 'retryable' | 'requestId'>;
  readonly exitCode: number;
} {
  const { code, message, hint, retryable, requestId } =
    error instanceof VhdupError
      ? error
      : new VhdupError('unexpected', `unexpected error: ${messageOf(error)}`, { hint: 'please report this' });
  return {
    error: { code, message, hint, retryable, requestId },
    exitCode: error instanceof VhdupError ? exitCodeOf(error.code, error.retryable) : EXIT.unexpected,
  };
}

/** Writes a message for people to stderr. All lines but the first are indented, so that no text in it can pass for another message. */
export function printMessage(text: string): void {
  process.stderr.write(`${printable(redact(text)).replaceAll('\n', '\n  ')}\n`);
}

/**
 * Characters that a terminal may act on: control characters (C0, DEL, C1), marks and overrides of the writing direction, line
 * separators, and characters without width. File names and messages of a server may contain them.
 */
const CONTROL =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

/** Returns the text with control characters, other than line ends, as escapes. */
export function printable(text: string): string {
  return text.replace(CONTROL, (char) => (char === '\n' ? char : escapeOf(char)));
}

/** Returns the text with all control characters as escapes, line ends too. */
export function printableLine(text: string): string {
  return text.replace(CONTROL, escapeOf);
}

function escapeOf(char: string): string {
  const code = char.charCodeAt(0);
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
}

function textLine(line: string): string {
  return `${printableLine(redact(line))}\n`;
}

/** Returns an object as JSON on one line. */
function jsonLine(value: object): string {
  return `${jsonText(value)}\n`;
}

/** Returns a value as JSON, without secrets. All control characters are escaped; JSON itself leaves C1 and overrides of the direction. */
function jsonText(value: object | string): string {
  // Messages repeat what the user typed, which may be a URI with a SAS in the wrong place.
  const text = JSON.stringify(value, (_, member: unknown) => (typeof member === 'string' ? redact(member) : member));
  return text.replace(CONTROL, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Returns a warning as a message: the hint is on a line of its own. */
export function warningText({ message, hint }: Warning): string {
  return `warning: ${message}${hint === undefined ? '' : `\n${hint}`}`;
}

/** Returns lines with names and values in two columns. Rows that are `undefined` are left out. */
export function table(rows: readonly (readonly [name: string, value: string] | undefined)[]): string[] {
  const shownRows = rows.filter((row) => row !== undefined);
  const width = Math.max(...shownRows.map(([name]) => name.length));
  return shownRows.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`);
}
