import { COMMANDS } from '../definition/commands.js';
import type { CommandDefinition, Flag } from '../definition/flag.js';
import { EXIT_MEANINGS } from '../exit-code.js';
import { SUMMARY, flagColumn, fullText } from '../help/command-help.js';
import { CREDENTIAL_SOURCES, OTHER_VARIABLES, VARIABLE_RULES, flagVariables } from '../help/topics.js';
import { usageOf } from '../parse/values.js';

/** Returns the man page, docs/vhdup.1, in roff. */
export function manPage(): string {
  const lines = [
    '.\\" Made by "npm run docs". Do not edit.',
    '.TH VHDUP 1',
    '.SH NAME',
    `vhdup \\- ${roff(SUMMARY.charAt(0).toLowerCase() + SUMMARY.slice(1, -1))}`,
    '.SH SYNOPSIS',
    ...COMMANDS.flatMap((definition) => [roff(usageOf(definition)), '.br']),
    '.SH COMMANDS',
    ...COMMANDS.flatMap(commandLines),
    '.SH ENVIRONMENT',
    ...definitions([...flagVariables(), ...OTHER_VARIABLES]),
    '.PP',
    roff(VARIABLE_RULES),
    '.SH CREDENTIALS',
    'The first one that is found is used:',
    ...definitions(CREDENTIAL_SOURCES),
    '.SH EXIT STATUS',
    ...definitions(Object.entries(EXIT_MEANINGS)),
  ];
  return `${lines.join('\n')}\n`;
}

function commandLines(definition: CommandDefinition): string[] {
  const { words, text, flags, examples, notes } = definition;
  return [
    `.SS ${roff(usageOf(definition))}`,
    `${roff(text)}.`,
    ...definitions([
      ...Object.entries(words).map(([name, word]): [string, string] => [name.toUpperCase(), word.text]),
      ...Object.entries<Flag>(flags).map(([name, flag]): [string, string] => [
        flagColumn(name, flag),
        fullText(name, flag),
      ]),
    ]),
    ...examples.flatMap(([line, meaning]) => ['.PP', `${roff(meaning)}:`, '.br', `.B ${roff(`vhdup ${line}`)}`]),
    ...(notes === undefined ? [] : ['.PP', roff(notes)]),
  ];
}

function definitions(rows: readonly (readonly [name: string, text: string])[]): string[] {
  return rows.flatMap(([name, text]) => ['.TP', `.B ${roff(name)}`, roff(text)]);
}

/** Returns text that roff shows as it is. */
function roff(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll('…', '...')
    .replaceAll('"', '\\(dq')
    .replace(/^([.'])/, '\\&$1');
}
