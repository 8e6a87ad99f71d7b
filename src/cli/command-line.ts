import yargs, { type Argv } from 'yargs';
import { VhdupError } from '../errors.js';
import { abortCommand } from './commands/abort.js';
import { checkCommand } from './commands/check.js';
import { doctorCommand } from './commands/doctor.js';
import { infoCommand } from './commands/info.js';
import { mapCommand } from './commands/map.js';
import { pullCommand } from './commands/pull.js';
import { pushCommand } from './commands/push.js';
import { sealCommand } from './commands/seal.js';
import { statusCommand } from './commands/status.js';
import { unsealCommand } from './commands/unseal.js';
import { verifyCommand } from './commands/verify.js';
import { EXIT } from './exit-code.js';
import { beginCommand } from './running-command.js';

/** Parses the arguments and runs the command that they name. Throws its error, and `usage` if the arguments are wrong. */
export async function run(args: readonly string[], version: string): Promise<void> {
  await commandLine(withDefaultValues(args), version).parseAsync();
}

/** The names of all commands. */
const NAMES: ReadonlySet<string> = new Set(
  [
    pushCommand,
    pullCommand,
    verifyCommand,
    infoCommand,
    mapCommand,
    checkCommand,
    statusCommand,
    abortCommand,
    sealCommand,
    unsealCommand,
  ].map(({ command }) => command.replace(/ .*/, '')),
);

/** Flags with an optional value, which has to follow an equals sign, and what they mean without one. */
const DEFAULT_VALUES: Readonly<Record<string, string>> = { '--verify': '--verify=sent', '--seal': '--seal=lease' };

/** Returns the arguments with the values of these flags: yargs would take the next word for a missing value. */
function withDefaultValues(args: readonly string[]): string[] {
  const end = args.includes('--') ? args.indexOf('--') : args.length;
  return args.map((arg, index) => (index < end ? DEFAULT_VALUES[arg] : undefined) ?? arg);
}

function commandLine(args: readonly string[], version: string): Argv {
  return yargs([...args])
    .scriptName('vhdup')
    .locale('en')
    .usage('$0 <command>\n\nPush virtual disks to cloud storage, and send only what changed.')
    .command(pushCommand)
    .command(pullCommand)
    .command(verifyCommand)
    .command(infoCommand)
    .command(mapCommand)
    .command(checkCommand)
    .command(statusCommand)
    .command(abortCommand)
    .command(sealCommand)
    .command(unsealCommand)
    .middleware(({ _: [name] }) => {
      if (typeof name === 'string' && NAMES.has(name)) beginCommand(name);
    }, true)
    .command(doctorCommand)
    .demandCommand(1, 'name a command')
    .strict()
    .parserConfiguration({ 'greedy-arrays': false, 'parse-positional-numbers': false })
    .version(version)
    .alias({ h: 'help' })
    .wrap(Math.min(110, process.stdout.columns))
    .epilogue(
      `Exit codes: 0 done, ${EXIT.usage} usage, ${EXIT.badDisk} bad disk, ${EXIT.baseMismatch} base does not match, ${EXIT.destinationInTheWay} destination in the way, ${EXIT.notAuthorised} not authorised, ${EXIT.resumable} failed but resumable, ${EXIT.sourceChanged} source changed, ${EXIT.contentDiffers} verification found differences, ${EXIT.interrupted} Ctrl-C.`,
    )
    .exitProcess(false)
    .fail((message, error) => {
      // `message` is from yargs, about the arguments; `error` was thrown by the command.
      throw (
        (error as Error | undefined) ??
        new VhdupError('usage', message, {
          hint: 'vhdup --help shows the commands, vhdup <command> --help their flags',
        })
      );
    });
}
