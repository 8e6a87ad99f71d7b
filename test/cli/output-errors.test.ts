import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { bytesOf } from '../support/blobs.js';
import { manageScene } from '../support/manage-scene.js';

const BIN = fileURLToPath(new URL('../../bin/vhdup.js', import.meta.url));

/** Runs a line of the shell, in which `$VHDUP` is the tool. */
async function shell(line: string, env: Readonly<Record<string, string>>) {
  const child = spawn('bash', ['-c', line.replaceAll('$VHDUP', `'${process.execPath}' '${BIN}'`)], {
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (data) => (stdout += String(data)));
  child.stderr.on('data', (data) => (stderr += String(data)));
  const exitCode = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { stdout, stderr, exitCode };
}

t.test(
  'a reader of the messages that goes away does not end a push: same exit code, same JSON',
  { skip: process.platform === 'win32' ? 'no bash here' : false },
  async (t) => {
    const { scene, uri, env, container } = await manageScene(t);
    // `true` reads nothing, so already the first message has no reader.
    const gone = await shell(
      `exec 3>&1; { $VHDUP push '${scene.child}' --to '${uri('gone')}' --json 2>&1 1>&3; echo "exit $?" >&3; } | true`,
      env,
    );
    const [json = '', exit] = gone.stdout.split('\n');
    t.equal(exit, 'exit 0');
    t.match(JSON.parse(json), { outcome: 'pushed' });
    const both = await shell(
      `$VHDUP push '${scene.child}' --to '${uri('both')}' --limit 8MiB/s 2>&1 | true; echo "exit \${PIPESTATUS[0]}"`,
      env,
    );
    t.equal(both.stdout, 'exit 0\n', 'with stdout in the same pipe');
    for (const name of ['gone', 'both'])
      t.ok((await bytesOf(container, name)).subarray(0, -512).equals(scene.content), `${name} is complete`);
  },
);

t.test(
  'a full stdout is an error with words, without a stack trace; that the push is done is said',
  { skip: existsSync('/dev/full') ? false : 'no /dev/full here' },
  async (t) => {
    const { scene, uri, env, container, folder } = await manageScene(t);
    for (const json of ['', ' --json']) {
      const { exitCode, stderr } = await shell(
        `$VHDUP push '${scene.child}' --to '${uri('full')}' --quiet${json} >/dev/full`,
        env,
      );
      t.equal(exitCode, 1);
      t.match(stderr, /vhdup: cannot write to stdout: .*no space left.*\n {2}the command has done its work/s);
      t.notMatch(stderr, /\n\s+at /);
    }
    t.ok((await bytesOf(container, 'full')).subarray(0, -512).equals(scene.content));
    const missing = await shell(`$VHDUP info '${join(folder, 'none.vhd')}' --json >/dev/full`, env);
    t.equal(missing.exitCode, 3, 'an error keeps its exit code');
    t.notMatch(missing.stderr, /done its work/);
    const list = await shell(`$VHDUP map '${scene.child}' >/dev/full`, env);
    t.equal(list.exitCode, 1);
  },
);

t.test(
  'a file that takes only a part of the output is an error, not a success',
  { skip: process.platform === 'win32' ? 'no bash here' : false },
  async (t) => {
    const out = join(t.testdir(), 'out');
    for (const [args, exit] of [
      ['push --help-all', 1],
      ['completion bash', 1],
      [`info '${'none/'.repeat(250)}none.vhd' --json`, 3],
    ] as const) {
      const { stderr } = await shell(`ulimit -f 1; trap '' XFSZ; $VHDUP ${args} >'${out}'; echo "exit $?" >&2`, {});
      t.match(stderr, new RegExp(`cannot write to stdout: EFBIG(.|\\n)*exit ${exit}\\n$`), args);
    }
    await shell(`$VHDUP push --help-all >'${out}'`, {});
    const { stdout } = await shell('$VHDUP push --help-all', {});
    t.equal(await readFile(out, 'utf8'), stdout, 'a file gets what a pipe gets');
  },
);

t.test(
  'a full stderr does not end a push',
  { skip: existsSync('/dev/full') ? false : 'no /dev/full here' },
  async (t) => {
    const { scene, uri, env } = await manageScene(t);
    const { exitCode, stdout } = await shell(`$VHDUP push '${scene.child}' --to '${uri('x')}' 2>/dev/full`, env);
    t.equal(exitCode, 0);
    t.match(stdout, /: complete/);
  },
);

t.test('map | head ends quietly', { skip: process.platform === 'win32' ? 'no bash here' : false }, async (t) => {
  const { scene, env } = await manageScene(t);
  const { stdout, stderr } = await shell(`$VHDUP map '${scene.child}' | head -1; echo "exit \${PIPESTATUS[0]}"`, env);
  t.match(stdout, /offset.*\nexit 0/);
  t.equal(stderr, '');
});
