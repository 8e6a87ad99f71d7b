import { delimiter } from 'node:path';
import { VhdupError } from '../../errors.js';
import {
  shownName,
  variableOf,
  type ArgumentsOf,
  type CommandDefinition,
  type Flag,
  type FlagSet,
} from '../definition/flag.js';
import { yesOrNo } from './conventions.js';
import { GENERAL_FLAGS, type SplitArguments } from './split.js';
import { didYouMean } from './suggest.js';

type Value = string | number | boolean | readonly string[] | undefined;

/** The values of a command's words and flags. */
export interface Values<Definition extends CommandDefinition> {
  readonly values: ArgumentsOf<Definition>;
  /** The flags that an environment variable has set, as help shows them, and the name of the variable. */
  readonly fromVariables: ReadonlyMap<string, string>;
}

/**
 * Checks arguments against a command, and returns its values: those of flags, else of environment variables, else defaults. Throws
 * `usage` for a wrong one, and says which.
 */
export function valuesOf<Definition extends CommandDefinition>(
  definition: Definition,
  { words: [, ...words], given }: SplitArguments,
  environment: NodeJS.ProcessEnv,
): Values<Definition> {
  requireKnown(definition, given.keys());
  const fromVariables = new Map<string, string>();
  const flags = Object.entries<Flag>(definition.flags).map(([name, flag]): [string, Value] => {
    const variable = variableOf(name, flag);
    const text = variable === undefined ? undefined : environment[variable];
    const texts = given.get(name);
    if (texts !== undefined || variable === undefined || !text) return [name, flagValue(name, flag, texts)];
    fromVariables.set(shownName(name, flag), variable);
    return [name, variableValue(variable, flag, text)];
  });
  const values = Object.fromEntries(
    [...wordValues(definition, words), ...flags].map(([name, value]): [string, Value] => [camelCase(name), value]),
  );
  // The compiler cannot follow the names through `fromEntries`. They and the kinds are those of the definition.
  return { values: values as ArgumentsOf<Definition>, fromVariables };
}

function requireKnown({ name: command, flags }: CommandDefinition, given: Iterable<string>): void {
  const known: FlagSet = { ...flags, ...GENERAL_FLAGS };
  for (const name of given) {
    if (Object.hasOwn(known, name)) continue;
    if (name.startsWith('no-') && Object.hasOwn(known, name.slice(3)) && known[name.slice(3)]?.kind === 'switch')
      throw new VhdupError('usage', `--${name} takes no value`);
    const names = Object.entries(known).map(([other, flag]) => shownName(other, flag).slice(2));
    throw new VhdupError(
      'usage',
      `${command} has no flag ${name.length === 1 ? '-' : '--'}${name}${didYouMean(name, names, '--')}`,
    );
  }
}

function wordValues(definition: CommandDefinition, words: readonly string[]): [string, string | undefined][] {
  const known = Object.entries(definition.words);
  const extra = words[known.length];
  if (extra !== undefined) throw new VhdupError('usage', `"${extra}" is one argument too many for ${definition.name}`);
  return known.map(([name, { isOptional }], index) => {
    const word = words[index];
    if (word === undefined && !isOptional)
      throw new VhdupError('usage', `${definition.name} needs ${name.toUpperCase()}: ${usageOf(definition)}`);
    if (word?.trim() === '')
      throw new VhdupError('usage', `${name.toUpperCase()} is empty`, { hint: 'is a variable of the shell not set?' });
    return [name, word];
  });
}

/** Returns the line that shows how to use a command. */
export function usageOf({ name, words, flags }: CommandDefinition): string {
  const shown = Object.entries(words).map(([word, { isOptional }]) =>
    isOptional ? `[${word.toUpperCase()}]` : word.toUpperCase(),
  );
  return ['vhdup', name, ...shown, ...(Object.keys(flags).length > 0 ? ['[flags]'] : [])].join(' ');
}

/** Returns the value of a flag. `texts`: what was given; `undefined` for the default. */
function flagValue(name: string, flag: Flag, texts: readonly string[] | undefined): Value {
  if (texts === undefined) return defaultOf(flag);
  for (const text of texts) {
    if (text.trim() === '') throw new VhdupError('usage', `--${name} needs a value${shownChoices(flag)}`);
  }
  if (flag.kind === 'list') return texts;
  const [text = '', ...more] = texts;
  // A switch may be repeated: `-v -v`. If the values differ, it is not clear which one is meant.
  if (flag.kind === 'switch' ? more.some((other) => other !== text) : more.length > 0)
    throw new VhdupError('usage', `--${name} was given more than once`);
  if (flag.kind !== 'switch') return convert(`--${name}`, flag, text);
  if (text !== 'true' && text !== 'false')
    throw new VhdupError('usage', `--${name} takes no value but true or false, not "${text}"`);
  return text === 'true';
}

function defaultOf(flag: Flag): Value {
  if (flag.kind === 'switch') return flag.isOn ?? false;
  if (flag.kind === 'list') return [];
  return flag.kind === 'choice' ? flag.default : undefined;
}

/** Returns the value of an environment variable. */
function variableValue(variable: string, flag: Flag, text: string): Value {
  if (flag.kind === 'list') return text.split(delimiter).filter((part) => part !== '');
  if (flag.kind !== 'switch') return convert(variable, flag, text);
  const isYes = yesOrNo(text);
  if (isYes === undefined)
    throw new VhdupError('usage', `${variable} takes 1, 0, true, false, yes or no, not "${text}"`);
  return isYes !== (flag.isOn ?? false);
}

/** Returns `auto, always or never`. */
function orList(choices: readonly string[]): string {
  return [choices.slice(0, -1).join(', '), choices.at(-1)].filter((part) => part !== '').join(' or ');
}

function convert(source: string, flag: Flag, text: string): Value {
  if (flag.kind === 'number') {
    if (!/^-?\d+(\.\d+)?$/.test(text)) throw new VhdupError('usage', `${source} takes a number, not "${text}"`);
    return Number(text);
  }
  if (flag.kind === 'choice' && !flag.choices.includes(text))
    throw new VhdupError('usage', `${source} takes ${orList(flag.choices)}, not "${text}"`);
  return text;
}

function shownChoices(flag: Flag): string {
  return flag.kind === 'choice' ? `: ${orList(flag.choices)}` : '';
}

function camelCase(name: string): string {
  return name.replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}
