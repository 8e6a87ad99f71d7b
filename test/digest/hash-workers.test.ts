import { createHash } from 'node:crypto';
import t from 'tap';
import { WorkerHashing, hashingFor } from '../../src/digest/hash-workers.js';
import { LocalHashing } from '../../src/digest/hashing.js';
import { LEAF, leafValues } from '../../src/digest/tree.js';

t.test('threads give the same as one, and end', async (t) => {
  const shared = Buffer.from(new SharedArrayBuffer(1_000_448));
  for (let at = 0; at < shared.length; at += 7) shared[at] = at % 251;
  const zeros = 3_000_512;
  const expected = createHash('md5')
    .update(shared)
    .update(Buffer.alloc(zeros))
    .update(shared.subarray(0, 512))
    .digest('hex');
  for (const hashing of [new LocalHashing(), new WorkerHashing()]) {
    const md5 = hashing.startMd5();
    const steps = [md5.update(shared), md5.zeros(zeros), md5.update(shared.subarray(0, 512))];
    const runs = await Promise.all([hashing.leaves(shared), hashing.leaves(shared.subarray(LEAF, 5 * LEAF))]);
    await Promise.all(steps);
    t.equal((await md5.digest()).toString('hex'), expected);
    for (const bytes of [shared, shared.subarray(512, 4096)])
      t.equal(Buffer.from(await hashing.md5(bytes)).toString('hex'), createHash('md5').update(bytes).digest('hex'));
    t.strictSame(
      runs.map((values) => Buffer.from(values).toString('hex')),
      [leafValues(shared), leafValues(shared.subarray(LEAF, 5 * LEAF))].map((values) =>
        Buffer.from(values).toString('hex'),
      ),
    );
    await hashing.close();
  }
});

t.test('a task fails if its thread ends first', async (t) => {
  const hashing = new WorkerHashing();
  const task = hashing.leaves(new Uint8Array(4 * 1024 ** 2));
  const failed = t.rejects(task, /ended/);
  await hashing.close();
  await failed;
});

t.test('threads are used only for much', (t) => {
  t.ok(hashingFor(48 * 1024 ** 2) instanceof LocalHashing);
  t.ok(hashingFor(48 * 1024 ** 2 + 1) instanceof WorkerHashing);
  t.end();
});
