import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { KeptLeaves } from '../../src/content/kept-leaves.js';
import { Session } from '../../src/session/session.js';
import type { LeafRun } from '../../src/digest/tree.js';
import { leafRuns } from '../support/leaf-runs.js';
import { temporaryFolder } from '../support/folder.js';

async function all(runs: AsyncIterable<LeafRun>): Promise<LeafRun[]> {
  const read: LeafRun[] = [];
  for await (const { index, values } of runs) read.push({ index, values: Buffer.from(values) });
  return read;
}

t.test('what was added is read any number of times, until the session ends', async (t) => {
  await using session = new Session({});
  const kept = new KeptLeaves(session, 1024);
  const runs = leafRuns([1, 5, 6]);
  for (const run of runs) await kept.add(run);
  const leaves = await kept.finish();
  t.equal(leaves.size, 1024);
  t.strictSame(await all(leaves.runs()), runs);
  t.strictSame(await all(leaves.runs()), runs);
});

t.test('a folder for temporary files that cannot be written fails only what reads the leaves', async (t) => {
  const { TMPDIR } = process.env;
  t.teardown(() => {
    if (TMPDIR === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = TMPDIR;
  });
  const gone = await mkdtemp(join(await temporaryFolder(t), 'gone'));
  await rm(gone, { recursive: true });
  process.env['TMPDIR'] = gone;
  await using session = new Session({});
  const kept = new KeptLeaves(session, 2 ** 40);
  const values = Buffer.alloc(3 * 1024 * 1024, 7);
  await kept.add({ index: 0, values });
  await kept.add({ index: 1_000_000, values });
  await kept.add({ index: 2_000_000, values });
  const leaves = await kept.finish();
  await t.rejects(all(leaves.runs()), { code: 'output-unwritable' });
  await t.rejects(all(leaves.runs()), { code: 'output-unwritable' }, 'each time: never half of the leaves');
});
