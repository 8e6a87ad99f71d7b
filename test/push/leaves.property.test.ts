import { mkdtemp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { openDisk, push } from '../../src/index.js';
import { bytesOf, endBreak, factsOf } from '../support/blobs.js';
import { applyEdits, changedLeaves, edits, imageOf, nonZeroBytes, parts } from '../support/rebuilt.js';
import { scaled, seedOfRun } from '../support/scale.js';
import { stage } from '../support/stage.js';

const RUNS = scaled(40);

t.test('any image over any other arrives whole, sends only changed leaves, and the base stays as it was', async (t) => {
  const { folder, container, gate, options, uri } = await stage(t);
  const seed = seedOfRun();
  t.comment(`seed ${seed}`);
  let run = 0;
  await fc.assert(
    fc.asyncProperty(parts, edits, fc.boolean(), fc.boolean(), async (made, changes, emulator, hasCache) => {
      gate.hidesEmulator = !emulator;
      const own = await mkdtemp(join(folder, 'pair-'));
      const name = `run-${++run}`;
      const first = imageOf(made);
      const second = applyEdits(first, changes);
      const [one, other] = [join(own, 'v1.raw'), join(own, 'v2.raw')];
      await writeFile(one, first);
      await writeFile(other, second);
      const common = { ...options, cacheFolder: hasCache ? join(own, 'cache') : (false as const), gap: 0 };
      await using v1 = await openDisk(one, { format: 'raw' });
      await push(v1, { ...common, to: uri(`${name}-1`) });
      // The lease that a finished push leaves ends by itself a second or two later: that is no touch.
      await endBreak(container, `${name}-1`);
      const before = await factsOf(container, `${name}-1`);
      await using v2 = await openDisk(other, { format: 'raw' });
      const result = await push(v2, {
        ...common,
        compare: 'leaves',
        base: uri(`${name}-1`),
        to: uri(`${name}-2`),
        verify: 'all',
      });
      const blob = await bytesOf(container, `${name}-2`);
      if (!blob.subarray(0, -512).equals(second)) throw new Error('other bytes');
      if (result.base?.check !== 'leaves') throw new Error('not compared by leaves');
      const most = nonZeroBytes(second, changedLeaves(first, second)) + 512;
      if (result.sent > most) throw new Error(`${result.sent} bytes sent, and only ${most} in changed leaves`);
      const after = await factsOf(container, `${name}-1`);
      if (JSON.stringify(before) !== JSON.stringify(after)) throw new Error('the base was touched');
    }),
    { numRuns: RUNS, seed, endOnFailure: true },
  );
  t.pass(`${RUNS} pairs of images`);
});
