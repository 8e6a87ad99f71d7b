import { COMMANDS } from '../definition/commands.js';
import type { CommandDefinition, Flag } from '../definition/flag.js';
import { GROUPS } from '../definition/flag.js';
import { SUMMARY, flagColumn, fullText } from '../help/command-help.js';
import { OTHER_VARIABLES, VARIABLE_RULES, flagVariables } from '../help/topics.js';
import { usageOf } from '../parse/values.js';

/** Returns docs/CLI.md: all commands and flags. */
export function cliPage(): string {
  return [
    '<!-- Made by "npm run docs". Do not edit. -->',
    '',
    '# Command line',
    '',
    `${SUMMARY} Exit codes: [EXIT-CODES.md](EXIT-CODES.md).`,
    '',
    ...tableOf(
      ['command', 'what it does'],
      COMMANDS.map(({ name, text }) => [`[${name}](#vhdup-${name})`, text]),
    ),
    'Every command also has `-h`, `--help` (the main flags), `--help-all` (all flags) and `-V`, `--version`.',
    '',
    ...COMMANDS.flatMap(commandSection),
    '## Environment variables',
    '',
    VARIABLE_RULES,
    '',
    ...tableOf(
      ['variable', 'what it does'],
      [...flagVariables(), ...OTHER_VARIABLES].map(([name, text]) => [`\`${name}\``, text]),
    ),
    'Variables with credentials: `vhdup help credentials`.',
    '',
  ].join('\n');
}

function commandSection(definition: CommandDefinition): string[] {
  const { name, words, text, flags, examples, notes } = definition;
  const rows = GROUPS.flatMap((group) =>
    Object.entries<Flag>(flags)
      .filter(([, flag]) => flag.group === group)
      .map(([flagName, flag]) => [`\`${flagColumn(flagName, flag)}\``, fullText(flagName, flag)]),
  );
  return [
    `## vhdup ${name}`,
    '',
    `${text}.`,
    '',
    '```',
    usageOf(definition),
    '```',
    '',
    ...Object.entries(words).map(([word, { text: meaning }]) => `- \`${word.toUpperCase()}\`: ${meaning}`),
    '',
    ...(rows.length === 0 ? [] : tableOf(['flag', 'what it does'], rows)),
    '```',
    ...examples.flatMap(([line, meaning]) => [`# ${meaning}`, `vhdup ${line}`]),
    '```',
    '',
    ...(notes === undefined ? [] : [notes, '']),
  ];
}

function tableOf(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const row = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [row(head), `|${head.map(() => '---|').join('')}`, ...rows.map(row), ''];
}
