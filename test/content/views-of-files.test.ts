import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { DiskDigests } from '../../src/content/disk-digests.js';
import { FixedStream, openDisk, type OpenOptions } from '../../src/index.js';
import { Session } from '../../src/session/session.js';
import { DigestCache } from '../../src/state/digest-cache.js';
import { temporaryFolder } from '../support/folder.js';
import { qemuImg, withoutQemuImg } from '../support/qemu-img.js';

const MIB = 1024 ** 2;
/** Files count as old at once, so that their digests are kept. */
const OLD_ENOUGH = -60_000;

async function digestsOf(path: string, options: OpenOptions, cache?: DigestCache): Promise<readonly string[]> {
  await using disk = await openDisk(path, options);
  const digests = new DiskDigests(new Session({}), disk, cache);
  const { md5, tree } = await digests.of(0, { md5: new FixedStream(disk), tree: true }, 'digest');
  return [md5?.toString('hex') ?? '', tree?.toString('hex') ?? ''];
}

/** Computes the digests of two views of a file with one cache, in both orders; they have to be those without a cache. */
async function requireApart(t: Test, path: string, views: readonly [OpenOptions, OpenOptions]): Promise<void> {
  const expected = [await digestsOf(path, views[0]), await digestsOf(path, views[1])];
  t.not(expected[0]?.[1], expected[1]?.[1], 'they differ');
  for (const order of [
    [0, 1, 0],
    [1, 0, 1],
  ] as const) {
    const cache = new DigestCache(await temporaryFolder(t), OLD_ENOUGH);
    for (const view of order) t.strictSame(await digestsOf(path, views[view], cache), expected[view]);
  }
}

t.test('the cache keeps the digests of a disk and of the same disk rounded up apart', async (t) => {
  const path = join(await temporaryFolder(t), 'disk.img');
  await writeFile(path, randomBytes(2 * MIB + 1536));
  await requireApart(t, path, [{ format: 'raw' }, { format: 'raw', align: true }]);
});

t.test('the cache keeps those of a snapshot and of the present state apart', { skip: withoutQemuImg }, async (t) => {
  const folder = await temporaryFolder(t);
  await writeFile(join(folder, 'disk.raw'), randomBytes(2 * MIB));
  qemuImg(folder, 'convert', '-f', 'raw', '-O', 'qcow2', 'disk.raw', 'disk.qcow2');
  qemuImg(folder, 'snapshot', '-c', 'before', 'disk.qcow2');
  qemuImg(folder, 'bench', '-q', '-w', '-c', '1', '-s', '65536', '--pattern=17', 'disk.qcow2');
  await requireApart(t, join(folder, 'disk.qcow2'), [{}, { snapshot: 'before' }]);
});
