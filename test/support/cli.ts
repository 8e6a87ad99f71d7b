import { spawn, type ChildProcess } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { requireSchema } from './json-schema.js';

const BIN = fileURLToPath(new URL('../../bin/vhdup.js', import.meta.url));
/** As users start it: without what tap has every process of Node load, which takes longer than the tool's own start. */
const START =
  process.platform === 'win32'
    ? { program: process.execPath, args: [BIN] }
    : { program: '/usr/bin/env', args: ['-u', 'NODE_OPTIONS', process.execPath, BIN] };

export interface CliRun {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The tool as a process of its own, as it was built. */
export interface CliProcess {
  readonly child: ChildProcess;
  readonly ended: Promise<CliRun>;
}

/** The folders of the user who runs the tests are left alone. */
function ownFolders({
  VHDUP_STATE_DIR: state = join(tmpdir(), 'vhdup-test-state'),
}: Readonly<Record<string, string>>): Record<string, string> {
  return { VHDUP_STATE_DIR: state, VHDUP_CACHE_DIR: `${state}-cache` };
}

/** Starts `vhdup` with nothing of this process's credentials. `within`: a command that runs it, such as `unshare`. */
export function startCli(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  within: readonly string[] = [],
): CliProcess {
  const [program = START.program, ...rest] = [...within, START.program, ...START.args, ...args];
  const child = spawn(program, rest, {
    env: { PATH: process.env['PATH'] ?? '', ...ownFolders(env), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = Promise.all([
    text(child.stdout),
    text(child.stderr),
    new Promise<[number | null, NodeJS.Signals | null]>((resolve) =>
      child.on('exit', (code, signal) => {
        resolve([code, signal]);
      }),
    ),
  ]).then(async ([stdout, stderr, [exitCode, signal]]) => {
    // All tests that run the tool check its JSON this way. A process that was killed may have written a part of it.
    if (args.includes('--json') && stdout.startsWith('{') && signal === null) await requireSchema(stdout);
    return { stdout, stderr, exitCode, signal };
  });
  return { child, ended };
}

/** Runs `vhdup` to its end. */
export function runCli(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<CliRun> {
  return startCli(args, env).ended;
}
