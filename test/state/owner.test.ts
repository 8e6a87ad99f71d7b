import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import t, { type Test } from 'tap';
import { judgeOwner, parseOwner, thisOwner, type Owner } from '../../src/state/owner.js';
import { ownerOf } from '../support/owners.js';

const MODULE = new URL('../../src/state/owner.ts', import.meta.url).href;
const IMPORTS = ['--import', new URL('../support/tsx.js', import.meta.url).href];
const isLinux = process.platform === 'linux';
const SAYS = `import(${JSON.stringify(MODULE)}).then(({ thisOwner }) => { process.stdout.write(JSON.stringify(thisOwner())); setInterval(() => {}, 1000); });`;

/** A process that stays, and the owner that it says to be. */
async function other(t: Test): Promise<{ owner: Owner; kill: () => Promise<void> }> {
  const child = spawn(process.execPath, [...IMPORTS, '-e', SAYS], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { PATH: process.env['PATH'] },
  });
  const [text] = (await once(child.stdout, 'data')) as [Buffer];
  const kill = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  };
  t.teardown(kill);
  return { owner: JSON.parse(text.toString()) as Owner, kill };
}

t.test('a process is alive while it runs, and gone once it was killed', async (t) => {
  t.equal(judgeOwner(thisOwner()), 'alive');
  const { owner, kill } = await other(t);
  t.equal(judgeOwner(owner), isLinux ? 'alive' : 'unknown');
  await kill();
  t.equal(judgeOwner(owner), 'gone');
});

t.test(
  'an id that another process has now is no sign of life',
  { skip: isLinux ? false : 'start times are known on Linux only' },
  async (t) => {
    const { owner } = await other(t);
    t.equal(judgeOwner({ ...owner, startedAt: (owner.startedAt ?? 0) - 1 }), 'gone');
    t.equal(judgeOwner(ownerOf(1)), 'gone', 'process 1 is not as young as this one');
  },
);

t.test(
  'nothing is proved about another boot, another namespace, another host or an unknown start, whether the id exists or not',
  async (t) => {
    const me = ownerOf(process.pid);
    const { pid } = spawnSync(process.execPath, ['-e', '']);
    const { startedAt, boot, namespace, ...bare } = me;
    for (const id of [process.pid, pid]) {
      t.equal(
        judgeOwner({
          ...me,
          pid: id,
          boot: typeof boot === 'number' ? boot - 60 : '00000000-0000-4000-8000-000000000000',
        }),
        'unknown',
      );
      t.equal(judgeOwner({ ...me, pid: id, namespace: 'pid:[1]' }), 'unknown');
      t.equal(judgeOwner({ ...bare, pid: id }), 'unknown');
      t.equal(judgeOwner({ ...bare, pid: id, boot: Math.round(Date.now() / 1000), host: 'elsewhere' }), 'unknown');
      t.equal(judgeOwner(undefined), 'unknown');
    }
    t.equal(
      judgeOwner({ ...bare, boot: boot ?? 0, ...(namespace === undefined ? {} : { namespace }) }),
      'unknown',
      'a start that nobody recorded',
    );
    t.type(startedAt, isLinux ? 'number' : 'undefined');
  },
);

t.test(
  'a process that was killed and waits for its parent to notice counts as gone',
  { skip: isLinux ? false : 'Linux only' },
  async (t) => {
    // The shell becomes sleep, which never asks for the exit code of its child.
    const parent = spawn('sh', ['-c', 'sleep 0 & echo $!; exec sleep 600'], { stdio: ['ignore', 'pipe', 'inherit'] });
    t.teardown(() => {
      parent.kill('SIGKILL');
    });
    const [text] = (await once(parent.stdout, 'data')) as [Buffer];
    const pid = Number(text.toString());
    const stateOf = () => readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1] ?? '';
    while (!stateOf().startsWith('Z')) await new Promise((resolve) => setImmediate(resolve));
    const startedAt = Number(stateOf().split(' ')[19]);
    t.equal(judgeOwner({ ...ownerOf(pid), startedAt }), 'gone');
  },
);

t.test(
  'a thread of this process is alive, though its token is another',
  { skip: isLinux ? false : 'start times are known on Linux only' },
  async (t) => {
    const worker = new Worker(
      `import(${JSON.stringify(IMPORTS[1])}).then(() => import(${JSON.stringify(MODULE)})).then(({ thisOwner }) => require('node:worker_threads').parentPort.postMessage(thisOwner()))`,
      { eval: true },
    );
    const [owner] = (await once(worker, 'message')) as [Owner];
    t.not(owner.token, thisOwner().token);
    t.equal(judgeOwner(owner), 'alive');
  },
);

t.test('a process that sees the process ids of another namespace claims nothing', async (t) => {
  const run = spawnSync(
    'unshare',
    ['--pid', '--fork', process.execPath, ...IMPORTS, '-e', SAYS.replace('setInterval(() => {}, 1000);', '')],
    { encoding: 'utf8', env: { PATH: process.env['PATH'] } },
  );
  if (run.status !== 0) return void t.comment('no process-id namespace may be made here (root can): left out');
  const owner = JSON.parse(run.stdout) as Owner;
  t.strictSame(Object.keys(owner).sort(), ['host', 'pid', 'token']);
  t.equal(judgeOwner(owner), 'unknown');
});

t.test('what is read from a file is an owner or nothing, whatever it is', async (t) => {
  const me = thisOwner();
  t.strictSame(parseOwner(JSON.parse(JSON.stringify(me))), me);
  t.strictSame(parseOwner({ ...me, more: 1 }), me);
  for (const wrong of [
    undefined,
    null,
    1,
    'x',
    [],
    {},
    { ...me, pid: '1' },
    { ...me, pid: -1 },
    { ...me, pid: 0 },
    { ...me, pid: 1.5 },
    { ...me, host: 1 },
    { ...me, host: 'x'.repeat(1000) },
    { ...me, token: null },
    { ...me, boot: {} },
    { ...me, boot: null },
    { ...me, namespace: 1 },
    { ...me, startedAt: '1' },
  ]) {
    t.equal(parseOwner(wrong), undefined, JSON.stringify(wrong));
  }
});
