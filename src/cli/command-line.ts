import { VhdupError, hasCode, messageOf } from '../errors.js';
import type { Command } from './command.js';
import { COMMANDS, COMMAND_NAMES, type CommandName } from './definition/commands.js';
import type { CommandDefinition } from './definition/flag.js';
import { beginCommand } from './running-command.js';
import { helpCommand, printLines } from './help/help-command.js';
import { commandHelp, mainHelp } from './help/command-help.js';
import { helpWidth } from './help/wrap.js';
import { splitArguments, type SplitArguments } from './parse/split.js';
import { didYouMean } from './parse/suggest.js';
import { valuesOf } from './parse/values.js';

/** Loads a command, checks its arguments and does its work. */
type Runner = (split: SplitArguments) => Promise<void>;

function runner<Definition extends CommandDefinition>(load: () => Promise<Command<Definition>>): Runner {
  return async (split) => {
    const { definition, handler } = await load();
    const { values, fromVariables } = valuesOf(definition, split, process.env);
    try {
      await handler(values);
    } catch (error) {
      throw namingVariables(error, fromVariables);
    }
  };
}

/** The commands, loaded one at a time: to load all of them takes longer than to parse the arguments. */
const RUNNERS: Readonly<Record<CommandName, Runner>> = {
  push: runner(async () => (await import('./commands/push.js')).pushCommand),
  pull: runner(async () => (await import('./commands/pull.js')).pullCommand),
  verify: runner(async () => (await import('./commands/verify.js')).verifyCommand),
  info: runner(async () => (await import('./commands/info.js')).infoCommand),
  map: runner(async () => (await import('./commands/map.js')).mapCommand),
  check: runner(async () => (await import('./commands/check.js')).checkCommand),
  status: runner(async () => (await import('./commands/status.js')).statusCommand),
  leaves: runner(async () => (await import('./commands/leaves.js')).leavesCommand),
  images: runner(async () => (await import('./commands/images.js')).imagesCommand),
  abort: runner(async () => (await import('./commands/abort.js')).abortCommand),
  seal: runner(async () => (await import('./commands/seal.js')).sealCommand),
  unseal: runner(async () => (await import('./commands/unseal.js')).unsealCommand),
  doctor: runner(async () => (await import('./commands/doctor.js')).doctorCommand),
  completion: runner(async () => (await import('./completion/completion-command.js')).completionCommand),
  help: runner(() => Promise.resolve(helpCommand)),
};

/** Parses the arguments and runs the command that they name. Throws its error, and `usage` if the arguments are wrong. */
export async function run(args: readonly string[], version: string): Promise<void> {
  const split = splitArguments(args);
  const { words, given } = split;
  const [name] = words;
  const definition = COMMANDS.find((command) => command.name === name);
  beginCommand(definition?.name);
  const width = helpWidth(process.stdout.columns);
  const isAsked = (flag: string) => given.get(flag)?.at(-1) === 'true';
  if (isAsked('version')) printLines([version]);
  else if (isAsked('help') || isAsked('help-all'))
    printLines(definition === undefined ? mainHelp(width) : commandHelp(definition, width, isAsked('help-all')));
  else if (args.length === 0) printLines(mainHelp(width));
  else if (name === undefined)
    throw new VhdupError('usage', 'no command is given', { hint: 'vhdup --help shows the commands' });
  else if (definition === undefined)
    throw new VhdupError('usage', `there is no command "${name}"${didYouMean(name, COMMAND_NAMES)}`, {
      hint: 'vhdup --help shows the commands',
    });
  else await withHint(definition.name, () => RUNNERS[definition.name](split));
}

/** Runs a command. An error of its arguments without a hint gets one. */
async function withHint(name: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof VhdupError) || error.code !== 'usage' || error.hint !== undefined) throw error;
    throw new VhdupError('usage', error.message, {
      cause: error,
      hint: `vhdup ${name} --help shows its arguments and flags`,
    });
  }
}

/** Returns the error with a hint, if it is about a flag that an environment variable has set. */
function namingVariables(error: unknown, fromVariables: ReadonlyMap<string, string>): unknown {
  const source = [...fromVariables].find(([flag]) => hasCode(error, 'usage') && messageOf(error).startsWith(flag));
  if (source === undefined) return error;
  const [flag, variable] = source;
  return new VhdupError('usage', messageOf(error), {
    cause: error,
    hint: `the environment variable ${variable} sets ${flag}`,
  });
}
