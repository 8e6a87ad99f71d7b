import { Parser } from 'yargs/helpers';
import { VhdupError } from '../../errors.js';
import { COMMANDS } from '../definition/commands.js';
import type { Flag } from '../definition/flag.js';
import { flagPartOf } from './conventions.js';

/** Arguments, split into words and flags. Nothing is checked against a command yet. */
export interface SplitArguments {
  readonly words: readonly string[];
  /** For each flag that was given, by its name: its values as text, and `''` for a missing one. */
  readonly given: ReadonlyMap<string, readonly string[]>;
}

/** Flags that every command has, and the program itself. */
export const GENERAL_FLAGS = {
  help: { kind: 'switch', short: 'h', group: 'Output', text: 'show the main flags' },
  'help-all': { kind: 'switch', group: 'Output', text: 'show all flags' },
  version: { kind: 'switch', short: 'V', group: 'Output', text: 'show the version' },
} as const satisfies Readonly<Record<string, Flag>>;

/** The flags of all commands. One name has one kind. */
const ALL_FLAGS: ReadonlyMap<string, Flag> = new Map(
  [...COMMANDS.flatMap(({ flags }) => Object.entries(flags)), ...Object.entries(GENERAL_FLAGS)].map(([name, flag]) => [
    name,
    flag,
  ]),
);

/** What a flag means that stands alone. With `=` in all others, the parser never takes the next word for a value of these. */
const ALONE: ReadonlyMap<string, string> = new Map(
  [...ALL_FLAGS].flatMap(([name, flag]): [string, string][] => {
    if (flag.kind === 'choice') return flag.alone === undefined ? [] : [[`--${name}`, `--${name}=${flag.alone}`]];
    if (flag.kind !== 'switch') return [];
    const on = `--${name}=true`;
    return [
      [`--no-${name}`, `--${name}=false`],
      [`--${name}`, on],
      ...(flag.short === undefined ? [] : [[`-${flag.short}`, on] satisfies [string, string]]),
    ];
  }),
);

/**
 * Splits arguments into words and flags. Throws `usage` for a value that has to follow an equals sign, and for a file that
 * looks like a flag.
 */
export function splitArguments(args: readonly string[]): SplitArguments {
  const before = flagPartOf(args);
  const flagPart = before.flatMap(lettersOf);
  flagPart.forEach((arg, index) => {
    requireNoFile(arg);
    requireEqualsSign(arg, flagPart[index + 1]);
  });
  const parsed: Readonly<Record<string, unknown>> = Parser(
    [...flagPart.map((arg) => ALONE.get(arg) ?? arg), ...args.slice(before.length)],
    {
      string: [...ALL_FLAGS.keys()],
      configuration: {
        'boolean-negation': false,
        'camel-case-expansion': false,
        'dot-notation': false,
        'parse-numbers': false,
        'short-option-groups': false,
      },
    },
  );
  const { _: words, ...flags } = parsed;
  return {
    words: textsOf(words),
    given: new Map(Object.entries(flags).map(([name, value]) => [name, textsOf(value)])),
  };
}

/** Splits letters that were given together: `-nq`. */
function lettersOf(arg: string): string[] {
  const letters = /^-([A-Za-z]{2,})$/.exec(arg)?.[1];
  if (letters === undefined) return [arg];
  const flags = Array.from(letters, (letter) => `-${letter}`);
  return flags.every((flag) => ALONE.has(flag)) ? flags : [arg];
}

/** Throws `usage` for the name of a file that begins with a dash: no flag has a dot or a slash in its name. */
function requireNoFile(arg: string): void {
  if (/^-[^-=\d][^=]*[./\\]/.test(arg))
    throw new VhdupError('usage', `"${arg}" begins with a dash, as flags do`, {
      hint: `if it is a file, write ./${arg}`,
    });
}

function requireEqualsSign(arg: string, next: string | undefined): void {
  const flag = ALL_FLAGS.get(arg.replace(/^--/, ''));
  if (arg.startsWith('--') && next !== undefined && flag?.kind === 'choice' && flag.alone !== undefined)
    if (flag.choices.includes(next))
      throw new VhdupError('usage', `the value of ${arg} has to follow an equals sign: write ${arg}=${next}`);
}

function textsOf(value: unknown): string[] {
  return (Array.isArray(value) ? value : [value]).map(String);
}
