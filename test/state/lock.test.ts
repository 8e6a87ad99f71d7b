import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, readdir, symlink, unlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { Announcement } from '../../src/state/announcement.js';
import { Lock, type Busy, type LockOptions } from '../../src/state/lock.js';
import { thisOwner, type Owner } from '../../src/state/owner.js';
import { temporaryFolder } from '../support/folder.js';
import { LockProcess } from '../support/lock-processes.js';
import { ownerOf } from '../support/owners.js';

const QUICK: LockOptions = { silenceMs: 400 };
const STRANGER = '0000000000000000';
const DEFAULT_SILENCE_MS = 10_000;
/** Less than any silence by default, also on a machine that is busy. */
const AT_ONCE_MS = 9000;

async function lockPath(t: Test): Promise<string> {
  return join(await temporaryFolder(t), 'a.lock');
}

function isLock(result: Lock | Busy): result is Lock {
  return result instanceof Lock;
}

async function take(path: string, options: LockOptions = QUICK): Promise<Lock> {
  const result = await Lock.acquire(path, options);
  if (!isLock(result)) throw new Error(`busy: ${JSON.stringify(result.holder)}`);
  return result;
}

/** A lock as a process has left it, or has it. */
async function leaveHeld(path: string, content: string): Promise<string> {
  await mkdir(path, { recursive: true });
  await writeFile(join(path, `${STRANGER}.held`), '');
  await writeFile(join(path, STRANGER), content);
  return join(path, STRANGER);
}

const elsewhere = (): Owner => ({ ...ownerOf(process.pid), boot: '00000000-0000-4000-8000-000000000000' });

t.test(
  'the second one gets no lock and learns who has it; once it is released the next one does, and nothing is left',
  async (t) => {
    const path = await lockPath(t);
    const lock = await take(path);
    const began = performance.now();
    t.strictSame(await Lock.acquire(path), { holder: thisOwner() });
    t.ok(performance.now() - began < AT_ONCE_MS, 'without waiting');
    await lock.check();
    await lock[Symbol.asyncDispose]();
    const next = await take(path);
    t.not(next.token, lock.token);
    await next[Symbol.asyncDispose]();
    await t.rejects(readdir(path), { code: 'ENOENT' });
  },
);

t.test('of many at once in one process exactly one gets it', async (t) => {
  const path = await lockPath(t);
  for (let round = 0; round < 20; round++) {
    const locks = (await Promise.all(Array.from({ length: 5 }, () => Lock.acquire(path)))).filter(isLock);
    if (locks.length !== 1) t.fail(`${locks.length} of 5 in round ${round}`);
    await locks[0]?.[Symbol.asyncDispose]();
  }
  await t.rejects(readdir(path), { code: 'ENOENT' });
});

t.test(
  "a lock that nobody holds does not block: an announcement that is empty, cut, a stranger's, or a file of an older version",
  async (t) => {
    const contents = [
      '',
      '{',
      'null',
      `${process.pid} host`,
      '\0'.repeat(9000),
      JSON.stringify({ ...thisOwner(), pid: 'x' }),
    ];
    await Promise.all(
      contents.flatMap((content) =>
        [false, true].map(async (isOld) => {
          const path = await lockPath(t);
          if (isOld) await writeFile(path, content);
          else await leaveHeld(path, content);
          let waits = 0;
          const began = performance.now();
          const lock = await take(path, {
            ...QUICK,
            onWait: () => {
              waits++;
            },
          });
          const elapsed = performance.now() - began;
          t.ok(
            elapsed >= 400 && elapsed < AT_ONCE_MS,
            `${JSON.stringify(content.slice(0, 20))} ${isOld ? 'as a file' : ''}: ${Math.round(elapsed)} ms`,
          );
          t.equal(waits, 1, 'it says once that it waits');
          await lock.check();
          await lock[Symbol.asyncDispose]();
        }),
      ),
    );
  },
);

t.test('by default the silence is ten seconds', async (t) => {
  const path = await lockPath(t);
  await leaveHeld(path, '');
  const began = performance.now();
  const lock = await take(path, {});
  const elapsed = performance.now() - began;
  t.ok(elapsed >= DEFAULT_SILENCE_MS && elapsed < DEFAULT_SILENCE_MS + 10_000, `${Math.round(elapsed)} ms`);
  await lock[Symbol.asyncDispose]();
});

t.test(
  'what can be proved needs no wait: a process that is gone, and an id that another process has now',
  async (t) => {
    const { pid } = spawnSync(process.execPath, ['-e', '']);
    // Of this process itself: work that it has ended, though its announcement could not be removed.
    const owners = [
      thisOwner(),
      ownerOf(pid),
      ...(process.platform === 'linux' ? [{ ...ownerOf(process.pid), startedAt: 1 }] : []),
    ];
    for (const owner of owners) {
      const path = await lockPath(t);
      await leaveHeld(path, JSON.stringify(owner));
      const began = performance.now();
      const lock = await take(path, {});
      t.ok(performance.now() - began < AT_ONCE_MS);
      await lock[Symbol.asyncDispose]();
    }
  },
);

t.test(
  'another machine with the same host name: its heartbeat keeps the lock, its silence frees it, and no process of this machine is proof',
  async (t) => {
    const path = await lockPath(t);
    const { pid } = spawnSync(process.execPath, ['-e', '']);
    for (const owner of [elsewhere(), { ...elsewhere(), pid }]) {
      const file = await leaveHeld(path, JSON.stringify(owner));
      const beat = setInterval(() => void utimes(file, new Date(), new Date()).catch(() => undefined), 50);
      t.strictSame(await Lock.acquire(path, { silenceMs: 2000 }), { holder: owner });
      clearInterval(beat);
      t.equal(await readFile(file, 'utf8'), JSON.stringify(owner), 'it is left alone');
      await (await take(path))[Symbol.asyncDispose]();
    }
  },
);

t.test(
  'a holder that is stopped for longer than the silence loses the lock to another machine, and finds out',
  async (t) => {
    const path = await lockPath(t);
    const holder = await LockProcess.start(t);
    const { token = '' } = await holder.ask('take', { path, ...QUICK });
    t.match(await holder.ask('check'), { isHeld: true });
    holder.child.kill('SIGSTOP');
    t.match(
      await Lock.acquire(path, QUICK),
      { holder: { pid: holder.child.pid } },
      'here it is known to run, so it keeps the lock',
    );
    // As another machine sees it.
    await writeFile(join(path, token), JSON.stringify(elsewhere()));
    const lock = await take(path);
    holder.child.kill('SIGCONT');
    t.match(await holder.ask('check'), { isHeld: false, code: 'destination-busy' });
    await lock.check();
    await holder.ask('release');
    await lock.check();
    t.strictSame(
      (await readdir(path)).sort(),
      [lock.token, `${lock.token}.held`],
      'the release of the one takes nothing from the other',
    );
    await lock[Symbol.asyncDispose]();
  },
);

t.test('one that was taken for dead between its look and its mark holds nothing', async (t) => {
  const path = await lockPath(t);
  const announcement = await Announcement.write(path, 1000);
  await unlink(join(path, announcement.token));
  t.equal(await announcement.markHeld(), false);
  await announcement.withdraw();
  await t.rejects(readdir(path), { code: 'ENOENT' });
});

t.test('a mark without its announcement does not count, and goes', async (t) => {
  const path = await lockPath(t);
  await leaveHeld(path, '');
  await unlink(join(path, STRANGER));
  const began = performance.now();
  const lock = await take(path, {});
  t.ok(performance.now() - began < AT_ONCE_MS);
  t.strictSame((await readdir(path)).sort(), [lock.token, `${lock.token}.held`]);
  await lock[Symbol.asyncDispose]();
});

t.test(
  'of two that only contend the one with the smaller token waits until the other has withdrawn, or stands still',
  async (t) => {
    const path = await lockPath(t);
    const owner = JSON.stringify(elsewhere());
    const larger = join(path, 'f'.repeat(16));
    await mkdir(path);
    await writeFile(larger, owner);
    const beat = setInterval(() => void utimes(larger, new Date(), new Date()).catch(() => undefined), 50);
    const waiting = take(path, { silenceMs: 3000 });
    t.equal(await Promise.race([waiting.then(() => 'taken'), sleep(3500, 'waiting')]), 'waiting');
    await unlink(larger);
    await (await waiting)[Symbol.asyncDispose]();
    clearInterval(beat);

    await mkdir(path, { recursive: true });
    await writeFile(larger, JSON.stringify({ ...thisOwner(), token: 'another thread' }));
    await (await take(path))[Symbol.asyncDispose]();
    const lock = await take(path);
    t.pass('one that contends, is alive and does nothing keeps nobody waiting');
    await lock[Symbol.asyncDispose]();
  },
);

t.test('Ctrl-C ends the wait and leaves nothing behind', async (t) => {
  const path = await lockPath(t);
  await leaveHeld(path, '');
  const controller = new AbortController();
  const attempt = Lock.acquire(path, {
    signal: controller.signal,
    onWait: () => {
      controller.abort(new Error('stopped'));
    },
  });
  await t.rejects(attempt, { name: 'AbortError' });
  t.strictSame(await readdir(path), [STRANGER, `${STRANGER}.held`]);
});

t.test(
  "a symbolic link or another thing in its place is refused, strangers' files are ignored, and a missing folder is an error",
  async (t) => {
    const folder = await temporaryFolder(t);
    await mkdir(join(folder, 'target'));
    await symlink(join(folder, 'target'), join(folder, 'link'));
    await t.rejects(Lock.acquire(join(folder, 'link'), QUICK), {
      name: 'VhdupError',
      code: 'output-unwritable',
      message: /symbolic link/,
    });
    t.strictSame(await readdir(join(folder, 'target')), []);
    if (process.platform !== 'win32' && spawnSync('mkfifo', [join(folder, 'pipe')]).status === 0) {
      await t.rejects(Lock.acquire(join(folder, 'pipe'), QUICK), { name: 'VhdupError', code: 'output-unwritable' });
    }
    await t.rejects(Lock.acquire(join(folder, 'no', 'such'), QUICK), { code: 'ENOENT' });
    const path = join(folder, 'lock');
    await mkdir(path);
    await writeFile(join(path, '.nfs0001'), '');
    await mkdir(join(path, STRANGER));
    await symlink('nowhere', join(path, 'f'.repeat(16)));
    const lock = await take(path, {});
    await lock[Symbol.asyncDispose]();
    t.strictSame((await readdir(path)).sort(), ['.nfs0001', STRANGER, 'f'.repeat(16)]);
  },
);

t.test('a process keeps no other from ending for the sake of a heartbeat', async (t) => {
  const path = await lockPath(t);
  const one = await LockProcess.start(t);
  await one.ask('take', { path });
  one.child.disconnect();
  const [code] = (await once(one.child, 'exit')) as [number | null];
  t.equal(code, 0);
  await (await take(path))[Symbol.asyncDispose]();
});
