import { readFileSync } from 'node:fs';
import { nameFlags } from './flag-names.js';
import { printError } from './output.js';
import { wantsJson } from './parse/wants-json.js';
import { handleOutputErrors } from './output-errors.js';

/** Runs the command line, and sets the exit code of the process. `args`: the arguments behind the program's name. Never throws. */
export async function main(args: readonly string[]): Promise<void> {
  nameFlags();
  handleOutputErrors();
  try {
    if (args.length === 1 && (args[0] === '--version' || args[0] === '-V')) {
      process.stdout.write(`${version()}\n`);
      return;
    }
    // Loaded late: scripts often ask for the version, and the parser takes longer to load than everything else here.
    const { run } = await import('./command-line.js');
    await run(args, version());
  } catch (error) {
    process.exitCode = printError(wantsJson(args, process.env), error);
  }
}

function version(): string {
  const { version: text } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return text;
}
