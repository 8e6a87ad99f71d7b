import { COMMANDS, TOPICS } from '../definition/commands.js';
import {
  GROUPS,
  shownName,
  shownValue,
  variableOf,
  type CommandDefinition,
  type Flag,
  type FlagSet,
} from '../definition/flag.js';
import { usageOf } from '../parse/values.js';
import { columns, wrap } from './wrap.js';

/** The one sentence about the tool. */
export const SUMMARY = 'Push virtual disks to cloud storage, and send only what changed.';

/** Returns the help of the program: what `vhdup` alone shows. */
export function mainHelp(width: number): string[] {
  return [
    'Usage: vhdup COMMAND [flags]',
    '',
    ...wrap(SUMMARY, width),
    '',
    'Commands',
    ...columns(
      COMMANDS.map(({ name, text }) => [name, text]),
      width,
    ),
    '',
    'Flags',
    ...columns(
      [
        ['-h, --help', 'show help; --help-all shows all flags of a command'],
        ['-V, --version', 'show the version'],
      ],
      width,
    ),
    '',
    'Topics',
    ...columns(
      TOPICS.map((topic) => [`vhdup help ${topic}`, TOPIC_TEXTS[topic]]),
      width,
    ),
  ];
}

const TOPIC_TEXTS: Readonly<Record<(typeof TOPICS)[number], string>> = {
  'exit-codes': 'what each exit code means',
  credentials: 'where credentials come from',
  json: 'the output of --json',
  environment: 'variables that set flags, and others',
};

/** Returns the help of a command. `isFull`: with all flags, and the full text of each. */
export function commandHelp(definition: CommandDefinition, width: number, isFull: boolean): string[] {
  const { words, text, flags, examples, notes } = definition;
  const isShort = !isFull && Object.values(flags).some((flag) => flag.isRare ?? flag.more);
  const footer = [
    ...(notes === undefined ? [] : [notes]),
    ...(isShort ? [`All flags: vhdup ${definition.name} --help-all`] : []),
  ];
  return [
    ...wrap(`Usage: ${usageOf(definition)}`, width),
    '',
    ...wrap(`${text}.`, width),
    '',
    ...columns(
      Object.entries(words).map(([name, word]) => [name.toUpperCase(), word.text]),
      width,
    ),
    ...flagLines(flags, width, isFull),
    '',
    'Examples',
    ...examples.flatMap(([line, meaning]) => exampleLines(line, meaning, width)),
    ...(footer.length === 0 ? [] : ['', ...wrap(footer.join(' '), width)]),
  ];
}

/** Returns the flags in groups, with their texts in one column. */
function flagLines(flags: FlagSet, width: number, isFull: boolean): string[] {
  const entries = Object.entries(flags).filter(([, { isRare }]) => isFull || !isRare);
  if (entries.length === 0) return [];
  const nameWidth = Math.max(...entries.map(([name, flag]) => flagColumn(name, flag).length));
  return GROUPS.flatMap((group) => {
    const rows = entries
      .filter(([, flag]) => flag.group === group)
      .map(([name, flag]): [string, string] => [
        flagColumn(name, flag).padEnd(nameWidth),
        isFull ? fullText(name, flag) : flag.text,
      ]);
    return rows.length === 0
      ? []
      : [...(isFull || group === firstGroup(entries) ? [''] : []), group, ...columns(rows, width)];
  });
}

function firstGroup(entries: readonly (readonly [string, Flag])[]): string | undefined {
  return GROUPS.find((group) => entries.some(([, flag]) => flag.group === group));
}

/** A flag with its letter and its value. */
export function flagColumn(name: string, flag: Flag): string {
  const letter = flag.kind === 'switch' && flag.short !== undefined ? `-${flag.short}, ` : '';
  return `${letter}${shownName(name, flag)}${shownValue(flag)}`;
}

/** Returns the full text of a flag, in sentences. */
export function fullText(name: string, flag: Flag): string {
  const { text, more } = flag;
  const variable = variableOf(name, flag);
  const standard = flag.kind === 'choice' ? flag.default : undefined;
  return [
    `${text}.`,
    ...(more === undefined ? [] : [more]),
    ...(standard === undefined ? [] : [`Default: ${standard}.`]),
    ...(variable === undefined ? [] : [`Variable: ${variable}.`]),
  ].join(' ');
}

/** A command line stays on one line, so that it can be copied. */
function exampleLines(line: string, meaning: string, width: number): string[] {
  return [`  vhdup ${line}`, ...wrap(meaning, width - 6).map((part) => `      ${part}`)];
}
