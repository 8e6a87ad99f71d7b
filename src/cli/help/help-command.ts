import { VhdupError } from '../../errors.js';
import type { Command } from '../command.js';
import { COMMANDS, COMMAND_NAMES, HELP, TOPICS } from '../definition/commands.js';
import { didYouMean } from '../parse/suggest.js';
import { writeOut } from '../write-out.js';
import { commandHelp, mainHelp } from './command-help.js';
import { topicHelp } from './topics.js';
import { helpWidth } from './wrap.js';

/** `vhdup help`: shows help on the program, a command or a topic. */
export const helpCommand: Command<typeof HELP> = {
  definition: HELP,
  handler: ({ topic: name }) => {
    printLines(helpOn(name, helpWidth(process.stdout.columns)));
    return Promise.resolve();
  },
};

function helpOn(name: string | undefined, width: number): string[] {
  if (name === undefined) return mainHelp(width);
  const definition = COMMANDS.find((command) => command.name === name);
  if (definition !== undefined) return commandHelp(definition, width, false);
  const topic = TOPICS.find((other) => other === name);
  if (topic !== undefined) return topicHelp(topic, width);
  const names = [...COMMAND_NAMES, ...TOPICS];
  throw new VhdupError('usage', `there is no help on "${name}"${didYouMean(name, names)}`, {
    hint: `the topics are ${TOPICS.join(', ')}, and the names of commands`,
  });
}

/** Prints text of the tool itself to stdout. It is not searched for secrets: it names them, as examples do. */
export function printLines(lines: readonly string[]): void {
  writeOut(lines.map((line) => `${line}\n`).join(''));
}
