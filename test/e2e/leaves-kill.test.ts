import { mkdir, writeFile } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import t from 'tap';
import { openDisk, push } from '../../src/index.js';
import { forEachLimited, newLimit } from '../../src/run/concurrency.js';
import { startAzurite } from '../support/azurite.js';
import { bytesOf, containerOf, endBreak, factsOf } from '../support/blobs.js';
import { temporaryFolder } from '../support/folder.js';
import { gateFor, halfImageAt, killPush } from '../support/killed-push.js';
import { isRun } from '../support/scale.js';

const LEAF = 64 * 1024;

/** Bytes that are the same for the same seed. */
function noise(seed: string, length: number): Buffer {
  const pieces = Array.from({ length: Math.ceil(length / 32) }, (_, at) =>
    createHash('sha256').update(`${seed} ${at}`).digest(),
  );
  return Buffer.concat(pieces).subarray(0, length);
}

/** An image of 24 leaves and a part; the rebuilt one has other, moved and zeroed leaves, and is longer. */
function images(): { first: Buffer; second: Buffer } {
  const first = noise('first', 24 * LEAF + 1536);
  const second = Buffer.concat([first, Buffer.alloc(2 * LEAF)]);
  for (const leaf of [2, 9, 10, 20]) noise(`leaf ${leaf}`, LEAF).copy(second, leaf * LEAF);
  first.copy(second, 15 * LEAF, LEAF, 2 * LEAF);
  second.fill(0, 5 * LEAF, 6 * LEAF);
  return { first, second };
}

/** Every how many requests another machine resumes: it has to wait until the lease has run out. */
const ELSEWHERE = 5;

t.test(
  'the push of a rebuilt image, killed after each request, is resumed without a cache, also by another machine, to equal bytes, and the base stays as it was',
  async (t) => {
    const folder = await temporaryFolder(t);
    const azurite = await startAzurite();
    t.teardown(() => azurite.stop());
    const container = await containerOf(azurite, 'vhds');
    const { first, second } = images();
    const [v1, v2] = [join(folder, 'v1.raw'), join(folder, 'v2.raw')];
    await writeFile(v1, first);
    await writeFile(v2, second);
    {
      await using disk = await openDisk(v1, { format: 'raw' });
      const environment = azurite.env;
      await push(disk, { to: `${azurite.url}/vhds/v1`, environment, stateFolder: folder, cacheFolder: false });
    }
    await endBreak(container, 'v1');
    const before = await factsOf(container, 'v1');
    const list = await container.getBlockBlobClient('v1.vhdup-leaves').downloadToBuffer();
    let isOver = false;
    const killAt = async (at: number) => {
      await gateFor(azurite, false, async (gate) => {
        const name = `killed-${at}`;
        const [to, base] = [`${gate.url}/vhds/${name}`, `${gate.url}/vhds/v1`];
        const own = join(folder, name);
        await mkdir(own);
        const env = { ...gate.env, VHDUP_STATE_DIR: join(own, 'state'), VHDUP_CACHE_DIR: join(own, 'cache') };
        const args = ['push', v2, '--format', 'raw', '--to', to, '--base', base, '--compare', 'leaves'];
        if (!(await killPush(gate, args, env, { request: at, moment: 'after' }))) {
          isOver = true;
          return;
        }
        t.equal(await halfImageAt(container, name, second, first), undefined, `no half image after request ${at}`);
        await using disk = await openDisk(v2, { format: 'raw' });
        const result = await push(disk, {
          to,
          base,
          compare: 'leaves',
          environment: gate.env,
          stateFolder: join(own, at % ELSEWHERE === 0 ? 'elsewhere' : 'state'),
          cacheFolder: false,
        });
        t.ok((await bytesOf(container, name)).subarray(0, -512).equals(second), `equal bytes after request ${at}`);
        t.match(result.blob, new RegExp(`${name}$`));
        t.match(await factsOf(container, name), { metadata: { vhdup_state: 'complete' }, contentMd5: /./ });
        t.equal(
          await container.getBlockBlobClient(`${name}.vhdup-leaves`).exists(),
          true,
          `its list is there after request ${at}`,
        );
      });
    };
    const points = function* () {
      for (let at = 1; !isOver; at++) if (isRun(at)) yield at;
    };
    await forEachLimited(points(), newLimit(4), killAt, () => undefined);
    t.strictSame(await factsOf(container, 'v1'), before, 'the base is as it was');
    t.ok((await bytesOf(container, 'v1')).subarray(0, -512).equals(first));
    t.ok((await container.getBlockBlobClient('v1.vhdup-leaves').downloadToBuffer()).equals(list), 'and so is its list');
  },
);
