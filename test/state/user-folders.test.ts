import { spawn, spawnSync } from 'node:child_process';
import { chmod, chown, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { userFolder } from '../../src/state/user-folders.js';
import { manageScene } from '../support/manage-scene.js';

const BIN = fileURLToPath(new URL('../../bin/vhdup.js', import.meta.url));
/** Nobody has this number. */
const UID = 54_321;
/** Root can be that user, unless this Node is in a folder of root's own. */
const canBecome =
  process.getuid?.() === 0 && spawnSync(process.execPath, [BIN, '--version'], { env: {}, uid: UID }).status === 0;
/** What the system answers for such a user, for those who may not become one. */
const UNKNOWN = `data:text/javascript,${encodeURIComponent("import os from 'node:os'; import { syncBuiltinESMExports } from 'node:module'; os.homedir = () => { throw Object.assign(new Error('no such user'), { code: 'ERR_SYSTEM_ERROR' }); }; syncBuiltinESMExports();")}`;

async function run(
  args: readonly string[],
  { env, cwd, unknown = false }: { env: Readonly<Record<string, string>>; cwd: string; unknown?: boolean },
) {
  const child = spawn(process.execPath, [...(unknown && !canBecome ? ['--import', UNKNOWN] : []), BIN, ...args], {
    cwd,
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(unknown && canBecome ? { uid: UID } : {}),
  });
  const exit = new Promise<number | null>((resolve) => child.on('exit', resolve));
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { exitCode: await exit, stdout, stderr };
}

t.test(
  'a user whom the system does not know, without HOME: a push works with both folders named, and else says what to set',
  { skip: process.platform === 'win32' && 'numbers of users' },
  async (t) => {
    const { scene, uri, gate, folder } = await manageScene(t);
    const cwd = join(folder, 'cwd');
    await mkdir(cwd);
    if (canBecome) {
      for (const path of [folder, cwd, scene.base]) await chown(path, UID, UID);
      await chmod(scene.base, 0o600);
    }
    const named = { VHDUP_STATE_DIR: join(cwd, 'state'), VHDUP_CACHE_DIR: join(cwd, 'cache') };
    const push = (name: string, env: Readonly<Record<string, string>>, ...more: string[]) =>
      run(['push', scene.base, '--to', uri(name), ...more], { env: { ...gate.env, ...env }, cwd, unknown: true });
    const both = await push('both', named);
    t.equal(both.exitCode, 0, both.stderr);
    t.match(both.stdout, ': complete');
    const none = await push('none', {});
    t.equal(none.exitCode, 2, none.stderr);
    t.match(
      none.stderr,
      /there is no home folder for the files of this user: HOME is not set\n.*set VHDUP_STATE_DIR, or HOME/,
    );
    gate.records = [];
    const cacheOnly = await push('cache', { VHDUP_CACHE_DIR: named.VHDUP_CACHE_DIR });
    t.strictSame(gate.records, [], 'before anything is read');
    t.equal(cacheOnly.exitCode, 2, cacheOnly.stderr);
    t.match(cacheOnly.stderr, /set VHDUP_STATE_DIR, or HOME/);
    t.equal(
      (await push('state', { VHDUP_STATE_DIR: named.VHDUP_STATE_DIR }, '--no-cache')).exitCode,
      0,
      'what is not used need not be named',
    );
    const status = await run(['status', uri('both')], { env: gate.env, cwd, unknown: true });
    t.equal(status.exitCode, 0, status.stderr);
    for (const args of [['--version'], ['--help'], ['info', scene.base], ['check', scene.base]])
      t.equal((await run(args, { env: {}, cwd, unknown: true })).exitCode, 0, args.join(' '));
  },
);

t.test(
  'an empty or relative HOME leaves no folder in the working folder',
  { skip: process.platform === 'win32' && 'no HOME' },
  async (t) => {
    const { scene, uri, gate, folder } = await manageScene(t);
    const cwd = join(folder, 'cwd');
    await mkdir(cwd);
    for (const home of ['', 'relative']) {
      const { exitCode, stderr } = await run(['push', scene.base, '--to', uri('x')], {
        env: { ...gate.env, HOME: home },
        cwd,
      });
      t.equal(exitCode, 2, stderr);
      t.match(stderr, `HOME is "${home}"`);
    }
    const { exitCode, stderr } = await run(['push', scene.base, '--to', uri('x')], {
      env: {
        ...gate.env,
        HOME: '',
        VHDUP_STATE_DIR: '',
        VHDUP_CACHE_DIR: '',
        XDG_DATA_HOME: 'data',
        XDG_CACHE_HOME: 'cache',
      },
      cwd,
    });
    t.equal(exitCode, 2, stderr);
    t.strictSame(await readdir(cwd), []);
  },
);

t.test(
  'the folders are where the platform keeps such files',
  { skip: process.platform !== 'linux' && 'paths of Linux' },
  (t) => {
    const home = process.env['HOME'] ?? '';
    t.equal(userFolder('state', {}), join(home, '.local/share/vhdup'));
    t.equal(userFolder('cache', {}), join(home, '.cache/vhdup'));
    t.equal(userFolder('state', { XDG_DATA_HOME: '/data' }), '/data/vhdup');
    t.equal(userFolder('cache', { XDG_CACHE_HOME: '/cache' }), '/cache/vhdup');
    t.equal(userFolder('cache', { XDG_CACHE_HOME: 'not-absolute' }), join(home, '.cache/vhdup'));
    t.equal(userFolder('state', { VHDUP_STATE_DIR: 'as/named', XDG_DATA_HOME: '/data' }), 'as/named');
    t.end();
  },
);
