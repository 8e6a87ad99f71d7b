import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { WorkerPool } from '../../src/threads/worker-pool.js';
import { WorkerThread, workerFile } from '../../src/threads/worker-thread.js';
import type { TestResult, TestTask } from './tasks-worker.js';

const startThread = () =>
  new WorkerThread<TestTask, TestResult>(workerFile('tasks-worker', import.meta.url), 'runs tests');

t.test('tasks run one after the other, and each has its own answer', async (t) => {
  const thread = startThread();
  const results = [50, 0, 20, 0].map((ms, number) => thread.run({ number, ms }));
  t.equal(thread.pendingCount, 4);
  t.same(
    await Promise.all(results),
    [0, 1, 2, 3].map((number) => ({ number, running: 1 })),
  );
  t.equal(thread.pendingCount, 0);
  await thread.close();
});

t.test('what is transferred is not copied', async (t) => {
  const thread = startThread();
  const bytes = new Uint8Array([1, 2, 3]);
  t.same([...((await thread.run({ number: 0, bytes }, [bytes.buffer])).bytes ?? [])], [2, 3, 4]);
  t.equal(bytes.length, 0, 'the thread has it');
  await thread.close();
});

t.test('a task that throws ends the thread: its error is that of all tasks, later ones too', async (t) => {
  const thread = startThread();
  const first = thread.run({ number: 1 });
  const failed = [thread.run({ number: -1 }), thread.run({ number: 2 })];
  for (const task of failed) await t.rejects(task, { message: '-1 is negative' });
  t.same(await first, { number: 1, running: 1 });
  await t.rejects(thread.run({ number: 3 }), { message: '-1 is negative' });
  await thread.close();
});

t.test('tasks fail if their thread is closed first', async (t) => {
  const thread = startThread();
  const failed = t.rejects(thread.run({ number: 1, ms: 60_000 }), { message: 'a thread that runs tests ended' });
  await thread.close();
  await failed;
});

t.test('a process ends by itself when no task is pending, and not before', (t) => {
  const { stdout, status } = spawnSync(
    process.execPath,
    ['--import=./test/support/tsx.js', fileURLToPath(new URL('one-task.ts', import.meta.url))],
    { cwd: fileURLToPath(new URL('../..', import.meta.url)), encoding: 'utf8', timeout: 30_000 },
  );
  t.equal(stdout, '7\n');
  t.equal(status, 0);
  t.end();
});

t.test('a pool starts a thread only if all are busy and there may be more, then picks the least busy', async (t) => {
  const pool = new WorkerPool(startThread, 2);
  const first = pool.leastBusy();
  t.equal(pool.leastBusy(), first, 'it is not busy');
  const tasks = [first.run({ number: 1, ms: 100 }), first.run({ number: 2, ms: 100 })];
  const second = pool.leastBusy();
  t.not(second, first);
  tasks.push(second.run({ number: 3, ms: 100 }));
  t.equal(pool.leastBusy(), second, 'it has one task, the other two');
  t.equal(pool.threadCount, 2);
  await Promise.all(tasks);
  const failed = [first, second].map((thread) => t.rejects(thread.run({ number: 4, ms: 60_000 }), /ended/));
  await pool.close();
  await Promise.all(failed);
});
