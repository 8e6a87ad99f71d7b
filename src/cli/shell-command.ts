import { redact } from '../redact/redact.js';
import { printableLine } from './output.js';

/** Returns the command line that runs the tool with these arguments, for a shell to read, without secrets. */
export function shellCommand(args: readonly string[]): string {
  return ['vhdup', ...args.map((arg) => quoted(redact(arg)))].join(' ');
}

/** Returns true if an argument has a secret, which `shellCommand` leaves out. */
export function hasSecret(args: readonly string[]): boolean {
  return args.some((arg) => redact(arg) !== arg);
}

function quoted(arg: string): string {
  if (/^[\w@%+:,./-][\w@%+=:,./~-]*$/.test(arg)) return arg;
  // cmd.exe and PowerShell know double quotes; a name of a file cannot contain one there.
  if (process.platform === 'win32') return `"${printableLine(arg)}"`;
  // Control characters would be acted on by the terminal. bash, zsh and ksh read escapes in this kind of quotes.
  if (printableLine(arg) !== arg) return `$'${printableLine(arg.replace(/[\\']/g, String.raw`\$&`))}'`;
  return `'${arg.replaceAll("'", String.raw`'\''`)}'`;
}
