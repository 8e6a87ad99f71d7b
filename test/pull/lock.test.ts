import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, open, readFile, readdir, stat, symlink, unlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import type { PullOptions } from '../../src/index.js';
import { PullOutput } from '../../src/pull/output.js';
import { PartFile } from '../../src/pull/part-file.js';
import { readPullRecord, writePullRecord, type PullRecord } from '../../src/pull/record.js';
import { PullSource } from '../../src/pull/source.js';
import type { PullTask } from '../../src/pull/task.js';
import { Session } from '../../src/session/session.js';
import { Lock } from '../../src/state/lock.js';
import { thisOwner } from '../../src/state/owner.js';
import { startCli, type CliRun } from '../support/cli.js';
import { temporaryFolder } from '../support/folder.js';
import { canUnshare } from '../support/lock-processes.js';
import { ownerOf } from '../support/owners.js';
import { contentOfFile, pullScene, type PullScene } from '../support/pull-scene.js';

/** Crashes that five pulls find; `VHDUP_LOCK_ROUNDS=200` is the long form. */
const ROUNDS = Math.ceil(Number(process.env['VHDUP_LOCK_ROUNDS'] ?? 10) / 4);
const BIN = fileURLToPath(new URL('../../bin/vhdup.js', import.meta.url));

const elsewhere = () => ({ ...ownerOf(process.pid), boot: '00000000-0000-4000-8000-000000000000' });

/** A blob to pull, and an output that nothing is left beside. */
async function pullLocks(
  t: Test,
): Promise<PullScene & { out: string; output: PullOutput; remains: () => Promise<string[]> }> {
  const pulls = await pullScene(t);
  await pulls.pushed(pulls.scene.child, { to: pulls.uri('disk') });
  const own = join(pulls.folder, 'out');
  await mkdir(own);
  const out = join(own, 'out.vhd');
  return {
    ...pulls,
    out,
    output: new PullOutput(out, false),
    remains: async () => (await readdir(own)).filter((name) => name !== basename(out)),
  };
}

/** Begins a pull that ends after some of its reads, with a part file and a record. */
async function begin(
  { gate, pulled, out, output }: Awaited<ReturnType<typeof pullLocks>>,
  options: PullOptions = {},
): Promise<PullRecord> {
  let reads = 0;
  gate.onRequest = ({ kind }) => (kind === 'read' && ++reads === 4 ? { status: 403 } : undefined);
  try {
    await pulled('disk', out, { concurrency: 1, recordEvery: 512, ...options });
  } catch (error) {
    if ((error as { code?: string }).code !== 'not-authorised') throw error;
  }
  gate.onRequest = () => undefined;
  const record = await readPullRecord(output.recordPath);
  if (!record) throw new Error('no record');
  return record;
}

/** Has the next content read wait: resolves when there is one, and returns what lets it go on. */
function holdRead({ gate }: PullScene): { isHeld: Promise<void>; goOn: () => void } {
  let goOn = () => {};
  const isLet = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  const isHeld = new Promise<void>((resolve) => {
    gate.onRequest = async ({ kind, range }) => {
      if (kind !== 'read' || !range || range.length <= 512) return undefined;
      gate.onRequest = () => undefined;
      resolve();
      await isLet;
      return undefined;
    };
  });
  return { isHeld, goOn };
}

async function inodeOf(path: string): Promise<bigint> {
  return (await stat(path, { bigint: true })).ino;
}

t.test(
  'five pulls at once after a kill -9: one pulls, the others end with exit code 5, and the file is whole',
  async (t) => {
    const pulls = await pullLocks(t);
    const { gate, uri, out, scene, remains } = pulls;
    const args = ['pull', uri('disk'), out, '--json'];
    for (let round = 0; round < ROUNDS; round++) {
      const { isHeld, goOn } = holdRead(pulls);
      const victim = startCli(args, gate.env);
      await isHeld;
      victim.child.kill('SIGKILL');
      await victim.ended;
      goOn();
      let ended = 0;
      let all = () => {};
      const areRefused = new Promise<void>((resolve) => {
        all = resolve;
      });
      gate.onRequest = async ({ kind }) => {
        // Who pulls waits here until the others have been refused: so they all meet.
        if (kind === 'page-ranges') await Promise.race([areRefused, sleep(30_000)]);
        return undefined;
      };
      const runs = await Promise.all(
        Array.from({ length: 5 }, () =>
          startCli(args, gate.env).ended.then((run) => {
            if (++ended === 4) all();
            return run;
          }),
        ),
      );
      t.strictSame(runs.map(({ exitCode }) => exitCode).sort(), [0, 5, 5, 5, 5], `round ${round}`);
      t.ok(
        runs
          .filter(({ exitCode }) => exitCode === 5)
          .every(({ stdout }) => /process \d+ on .+ is pulling to it/.test(stdout)),
      );
      t.ok((await contentOfFile(out)).equals(scene.content));
      t.strictSame(await remains(), []);
      await unlink(out);
      gate.onRequest = () => undefined;
    }
  },
);

t.test(
  'in containers on one folder: a pull that is killed is resumed by one, from a copy, after a note and ten seconds',
  async (t) => {
    if (!canUnshare()) return void t.comment('no process-id namespace may be made here (root can): left out');
    const pulls = await pullLocks(t);
    const { gate, uri, out, output, scene, remains } = pulls;
    await begin(pulls);
    const args = ['pull', uri('disk'), out, '--json'];
    // Each container has a state folder of its own.
    let containers = 0;
    const contained = (): { child: ChildProcess; ended: Promise<CliRun> } => {
      const child = spawn(
        'unshare',
        ['--pid', '--fork', '--mount-proc', '--kill-child', process.execPath, BIN, ...args],
        {
          env: {
            PATH: process.env['PATH'] ?? '',
            ...gate.env,
            VHDUP_STATE_DIR: join(pulls.folder, `container ${++containers}`),
          },
          stdio: ['ignore', 'pipe', 'pipe'],
        },
      );
      const ended = Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]).then(
        ([stdout, stderr, [exitCode, signal]]) => ({ stdout, stderr, exitCode, signal }) as CliRun,
      );
      return { child, ended };
    };
    const { isHeld, goOn } = holdRead(pulls);
    const victim = contained();
    await isHeld;
    const part = (await readPullRecord(output.recordPath))?.part ?? '';
    const before = await inodeOf(join(out, '..', part));
    victim.child.kill('SIGKILL');
    await victim.ended;
    goOn();
    const runs = await Promise.all([contained().ended, contained().ended, startCli(args, gate.env).ended]);
    const winners = runs.filter(({ exitCode }) => exitCode === 0);
    t.equal(winners.length, 1, JSON.stringify(runs));
    t.ok(runs.every(({ exitCode }) => exitCode === 0 || exitCode === 5));
    t.match(JSON.parse(winners[0]?.stdout ?? '{}'), { outcome: 'resumed', checked: 'md5' });
    t.match(winners[0]?.stderr, /waiting about 10 s for a sign of life/);
    t.not(await inodeOf(out), before, 'not the file that the other one had open');
    t.ok((await contentOfFile(out)).equals(scene.content));
    t.strictSame(await remains(), []);
  },
);

for (const format of ['dynamic', 'raw'] as const) {
  t.test(
    `a pull that stood still, while another one published, ends with exit code 5 and touches nothing: ${format}`,
    async (t) => {
      const pulls = await pullLocks(t);
      const { gate, uri, out, output, scene, pulled, remains } = pulls;
      await begin(pulls, { format });
      const { isHeld, goOn } = holdRead(pulls);
      const stopped = startCli(['pull', uri('disk'), out, '--format', format, '--overwrite', '--json'], gate.env);
      await isHeld;
      stopped.child.kill('SIGSTOP');
      // As another machine sees it: the process is neither known to run nor to be gone.
      const [token = ''] = (await readdir(output.lockPath)).filter((name) => !name.endsWith('.held'));
      await writeFile(join(output.lockPath, token), JSON.stringify(elsewhere()));
      const notes: string[] = [];
      const began = performance.now();
      const result = await pulled('disk', out, {
        format,
        onEvent: (event) => {
          if (event.type === 'note') notes.push(event.message);
        },
      });
      t.ok(performance.now() - began > 9000, 'only after ten seconds without a heartbeat');
      t.match(notes, [/waiting about 10 s/, /may still run/]);
      t.equal(result.checked, 'md5');
      const published = await readFile(out);
      const identity = await output.identityOf(out);
      stopped.child.kill('SIGCONT');
      goOn();
      const run = await stopped.ended;
      t.equal(run.exitCode, 5, run.stdout + run.stderr);
      t.match(JSON.parse(run.stdout), { error: { code: 'destination-busy', message: /stood still/ } });
      t.equal(await output.identityOf(out), identity);
      t.ok((await readFile(out)).equals(published), 'byte for byte as it was published');
      t.ok((format === 'raw' ? await readFile(out) : await contentOfFile(out)).equals(scene.content));
      t.strictSame(await remains(), []);
    },
  );
}

t.test(
  'a part file is gone on with in place only if its process is gone or has closed it; one that may be open elsewhere is copied, or begun anew',
  async (t) => {
    const pulls = await pullLocks(t);
    const { out, output, scene, pulled, gate } = pulls;
    const { pid } = spawnSync(process.execPath, ['-e', '']);
    for (const { name, format, owner, outcome, isSame } of [
      { name: 'closed', format: 'dynamic', owner: null, outcome: 'resumed', isSame: true },
      { name: 'gone', format: 'dynamic', owner: ownerOf(pid), outcome: 'resumed', isSame: true },
      {
        name: 'of this process, which has ended',
        format: 'dynamic',
        owner: thisOwner(),
        outcome: 'resumed',
        isSame: true,
      },
      { name: 'closed', format: 'raw', owner: null, outcome: 'resumed', isSame: true },
      { name: 'elsewhere', format: 'dynamic', owner: elsewhere(), outcome: 'resumed', isSame: false },
      {
        name: 'alive',
        format: 'dynamic',
        owner: { ...thisOwner(), token: 'another thread' },
        outcome: 'resumed',
        isSame: false,
      },
      { name: 'elsewhere', format: 'raw', owner: elsewhere(), outcome: /pulled|resumed/, isSame: false },
    ] as const) {
      const record = await begin(pulls, { format });
      t.equal(record.owner, null, 'a pull that ends in order says that it closed the file');
      await writePullRecord(output.recordPath, { ...record, owner });
      const part = join(out, '..', record.part);
      const inode = await inodeOf(part);
      // As a process does that was stopped: it writes to what it has open, whatever became of its name.
      const held = await open(part, 'r+');
      gate.onRequest = async ({ kind }) => {
        if (kind === 'page-ranges' && !isSame) await held.write(Buffer.alloc(65536, 0xee), 0, 65536, 4096);
        return undefined;
      };
      const result = await pulled('disk', out, { format });
      await held.close();
      gate.onRequest = () => undefined;
      t.match(result, { outcome, checked: 'md5' }, `${name} ${format}`);
      t.equal((await inodeOf(out)) === inode, isSame, `${name} ${format}: ${isSame ? 'the same' : 'another'} file`);
      t.ok((format === 'raw' ? await readFile(out) : await contentOfFile(out)).equals(scene.content));
      t.strictSame(await pulls.remains(), []);
      await unlink(out);
    }
  },
);

t.test('a run killed while it takes a part file over is resumed: before the rename, and after it', async (t) => {
  const pulls = await pullLocks(t);
  const { out, output, pulled, remains } = pulls;
  for (const isRenamed of [false, true]) {
    const record = await begin(pulls);
    const other = basename(output.partPath('0123456789abcdef'));
    await writePullRecord(
      output.recordPath,
      isRenamed ? { ...record, formerPart: other } : { ...record, part: other, formerPart: record.part },
    );
    t.match(await pulled('disk', out), { outcome: 'resumed', checked: 'md5' });
    t.strictSame(await remains(), []);
    await unlink(out);
  }
});

t.test(
  'a record that names no part file of this output is not followed: one that is gone, a path, a link',
  async (t) => {
    const pulls = await pullLocks(t);
    const { folder, out, output, pulled, remains } = pulls;
    const precious = join(folder, 'precious');
    await writeFile(precious, 'x'.repeat(1024 * 1024));
    const link = output.partPath('0123456789abcdef');
    for (const part of [
      basename(output.partPath('fedcba9876543210')),
      '../precious',
      precious,
      `${basename(out)}.vhdup-part-/../../precious`,
      basename(link),
    ]) {
      const record = await begin(pulls);
      await symlink(precious, link);
      await writePullRecord(output.recordPath, { ...record, part, durable: { ...record.durable, fileSize: 0 } });
      t.match(await pulled('disk', out), { outcome: 'pulled', checked: 'md5' }, part);
      t.equal(await readFile(precious, 'utf8'), 'x'.repeat(1024 * 1024));
      t.strictSame(await remains(), [], 'the part file that nobody names is removed');
      await unlink(out);
    }
  },
);

t.test('what an older version has left is neither used nor left: its part file, record and lock', async (t) => {
  const { out, output, pulled, remains, scene } = await pullLocks(t);
  await writeFile(`${out}.vhdup-part`, 'half');
  await writeFile(`${out}.vhdup-record.new`, '{');
  await writeFile(output.recordPath, '{"crc":1,"record":{}}');
  await writeFile(output.lockPath, `${process.pid} host`);
  t.match(await pulled('disk', out), { outcome: 'pulled', checked: 'md5' });
  t.ok((await contentOfFile(out)).equals(scene.content));
  t.strictSame(await remains(), []);
});

t.test(
  'nothing is published without the lock, nor if the part file was taken away; what stands under the name stays',
  async (t) => {
    const out = join(await temporaryFolder(t), 'out.vhd');
    const output = new PullOutput(out, true);
    await writeFile(out, 'precious');
    const take = async () => {
      const lock = await Lock.acquire(output.lockPath);
      if (!(lock instanceof Lock)) throw new Error('busy');
      await writeFile(output.partPath(lock.token), 'half');
      return lock;
    };
    await using lost = await take();
    await unlink(join(output.lockPath, lost.token));
    await t.rejects(output.publish(output.partPath(lost.token), lost), { code: 'destination-busy' });
    t.equal(await readFile(out, 'utf8'), 'precious');

    await using held = await take();
    await output.removeLeftovers(output.partPath(held.token));
    await t.rejects(
      stat(output.partPath(lost.token)),
      { code: 'ENOENT' },
      'who takes over removes the part files of others',
    );
    await unlink(output.partPath(held.token));
    await t.rejects(output.publish(output.partPath(held.token), held), { code: 'output-unwritable' });
    t.equal(await readFile(out, 'utf8'), 'precious');
  },
);

t.test('who lost the lock takes over, removes and records nothing', async (t) => {
  const pulls = await pullLocks(t);
  const { output, options, uri, remains } = pulls;
  const session = new Session(options);
  const source = await PullSource.open(session, uri('disk'), 'dynamic');
  const open = async () => {
    const lock = await Lock.acquire(output.lockPath);
    if (!(lock instanceof Lock)) throw new Error('busy');
    await unlink(join(output.lockPath, lock.token));
    const task: PullTask = {
      session,
      options,
      key: { blob: source.blob.uri, etag: source.properties.etag, format: 'dynamic', onto: null },
      source,
      parent: undefined,
      output,
      format: 'dynamic',
      acceptsDiffering: false,
    };
    await t.rejects(PartFile.open(task, lock), { code: 'destination-busy' });
    await lock[Symbol.asyncDispose]();
  };
  await begin(pulls);
  const before = await readFile(output.recordPath, 'utf8');
  const names = await remains();
  await open();
  t.strictSame(await remains(), names);
  t.equal(await readFile(output.recordPath, 'utf8'), before);

  await unlink(output.recordPath);
  await open();
  const parts = (list: readonly string[]) => list.filter((name) => name.includes('-part-'));
  t.ok((await remains()).includes(parts(names)[0] ?? 'a part file'), 'nor what no record names');
});

t.test('what was accepted without a comparison is not called compared by a later run', async (t) => {
  const pulls = await pullLocks(t);
  const { out, output, pulled } = pulls;
  const record = await begin(pulls);
  await pulled('disk', out, { checkMd5: false });
  const identity = (await output.identityOf(out)) ?? null;
  await writePullRecord(output.recordPath, { ...record, state: 'ready', identity, acceptsDiffering: true });
  await t.rejects(pulled('disk', out), { code: 'destination-exists' });
  t.match(await pulled('disk', out, { checkMd5: false }), { outcome: 'resumed', checked: 'none', fetched: 0 });
});
