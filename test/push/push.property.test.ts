import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { fixedFooterOf, openDisk, push } from '../../src/index.js';
import { startAzurite } from '../support/azurite.js';
import { bytesOf, containerOf, endBreak, factsOf } from '../support/blobs.js';
import { chains, writeChain } from '../support/chains.js';
import { temporaryFolder } from '../support/folder.js';
import { startGate } from '../support/gate.js';
import { scaled, seedOfRun } from '../support/scale.js';

const RUNS = scaled(25);

t.test('any chain over any of its layers arrives as the oracle says, and the base stays as it was', async (t) => {
  const folder = await temporaryFolder(t);
  const azurite = await startAzurite();
  const gate = await startGate(azurite);
  t.teardown(() => azurite.stop());
  t.teardown(() => gate.stop());
  const container = await containerOf(azurite, 'vhds');
  const seed = seedOfRun();
  t.comment(`seed ${seed}`);
  let run = 0;
  await fc.assert(
    fc.asyncProperty(
      chains,
      fc.nat(5),
      fc.boolean(),
      fc.constantFrom(undefined, undefined, 0, 1024, 251_392, 4 * 1024 * 1024),
      async (specs, pick, emulator, gap) => {
        gate.hidesEmulator = !emulator;
        const own = await mkdtemp(join(folder, 'chain-'));
        const layers = await writeChain(own, specs);
        const [top] = layers.slice(-1);
        const base = layers[pick % layers.length];
        if (!top || !base) return;
        const name = `run-${++run}`;
        const options = { environment: gate.env, stateFolder: own, cacheFolder: join(own, 'cache'), gap };
        {
          await using disk = await openDisk(base.path);
          await push(disk, { ...options, to: `${gate.url}/vhds/${name}-base` });
        }
        // The lease that a finished push leaves ends by itself a second or two later: that is no touch.
        await endBreak(container, `${name}-base`);
        const before = await factsOf(container, `${name}-base`);
        await using disk = await openDisk(top.path);
        const { sent } = await push(disk, {
          ...options,
          base: `${gate.url}/vhds/${name}-base`,
          to: `${gate.url}/vhds/${name}`,
        });
        const blob = await bytesOf(container, name);
        if (!blob.subarray(0, -512).equals(top.content)) throw new Error('other bytes');
        if (!blob.subarray(-512).equals(fixedFooterOf(disk))) throw new Error('another footer');
        if (base === top && sent !== 512) throw new Error(`${sent} bytes sent for the same disk`);
        const after = await factsOf(container, `${name}-base`);
        if (JSON.stringify(before) !== JSON.stringify(after)) throw new Error('the base was touched');
        if (!(await bytesOf(container, `${name}-base`)).subarray(0, -512).equals(base.content))
          throw new Error('the base has other bytes');
        await rm(own, { recursive: true });
      },
    ),
    { numRuns: RUNS, seed },
  );
  t.pass(`${RUNS} pushes`);
});
