import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { openDisk } from '../../src/index.js';
import { CachedDigests } from '../../src/content/cached-digests.js';
import type { DigestComputation, Digests } from '../../src/content/digest-computation.js';
import { LayerRecords } from '../../src/content/layer-records.js';
import { scanForDigests } from '../../src/content/running-digest.js';
import { TreeHasher, leafValues } from '../../src/digest/tree.js';
import { Session } from '../../src/session/session.js';
import { DigestCache } from '../../src/state/digest-cache.js';
import type { LeafFile, LeafFileWriter } from '../../src/state/leaf-file.js';
import { writeImage } from '../../fixtures/vhd.js';
import { temporaryFolder } from '../support/folder.js';

const KIB = 1024;
const OLD_ENOUGH = -60_000;

/** A cache that counts the leaf files that are open, and those that were begun; `isLost`: they can be read once only. */
class CountingCache extends DigestCache {
  open = 0;
  begun = 0;
  isLost = false;

  override async createLeaves(): Promise<LeafFileWriter | undefined> {
    this.begun++;
    return super.createLeaves();
  }

  override async openLeaves(key: string): Promise<LeafFile | undefined> {
    const file = await super.openLeaves(key);
    if (!file) return undefined;
    this.open++;
    let reads = 0;
    const runs = async function* (this: CountingCache) {
      if (reads++ > 0 && this.isLost) throw new Error('EIO');
      yield* file.runs();
    };
    const close = async () => {
      this.open--;
      await file.close();
    };
    return { digest: file.digest, runs: runs.bind(this), close };
  }
}

/** A disk of 3 leaves over a larger parent that has data everywhere. The disk ends within its third leaf. */
async function scene(t: Test) {
  const folder = await temporaryFolder(t);
  const parent = await writeImage({
    path: join(folder, 'parent.vhd'),
    type: 'dynamic',
    size: 256 * KIB,
    writes: [{ offset: 0, data: Buffer.alloc(256 * KIB, 1) }],
  });
  const size = 129 * KIB;
  const { path } = await writeImage({
    path: join(folder, 'child.vhd'),
    type: 'differencing',
    size,
    parent,
    writes: [],
  });
  const tree = new TreeHasher(size);
  tree.add(0, leafValues(Buffer.alloc(size, 1)));
  return { path, cacheFolder: join(folder, 'cache'), digest: tree.digest() };
}

async function treeOf(path: string, cache: DigestCache, layer = 0): Promise<Digests & { readonly consumers: number }> {
  await using disk = await openDisk(path);
  await using session = new Session({});
  const records = new LayerRecords(disk, layer, cache);
  const computation: DigestComputation = await CachedDigests.start(
    session,
    records,
    { tree: true },
    { phase: 'digest' },
  );
  const consumers = computation.consumers.length;
  return { ...(await scanForDigests(session, records.content, computation)), consumers };
}

t.test('a disk that is smaller than its ancestor does not use the leaf that its end cuts off', async (t) => {
  const { path, cacheFolder, digest } = await scene(t);
  const cache = new CountingCache(cacheFolder, OLD_ENOUGH);
  await treeOf(path, cache, 1);
  t.strictSame((await treeOf(path, cache)).tree, digest);
});

t.test('what is in the cache is not computed; its file is closed', async (t) => {
  const { path, cacheFolder, digest } = await scene(t);
  const cache = new CountingCache(cacheFolder, OLD_ENOUGH);
  t.match(await treeOf(path, cache), { consumers: 1, tree: digest });
  t.match(await treeOf(path, cache), { consumers: 0, tree: digest });
  t.equal(cache.open, 0);
});

t.test('if known leaves cannot be read any longer, all is computed, and no part of it is kept', async (t) => {
  const { path, cacheFolder, digest } = await scene(t);
  const cache = new CountingCache(cacheFolder, OLD_ENOUGH);
  await treeOf(path, cache, 1);
  const before = await readdir(cacheFolder);
  cache.isLost = true;
  t.strictSame((await treeOf(path, cache)).tree, digest);
  t.strictSame(await readdir(cacheFolder), before);
  t.equal(cache.open, 0);
});

t.test('leaves with another digest than they should have are deleted, and their file is closed', async (t) => {
  const { path, cacheFolder, digest } = await scene(t);
  class Wrong extends CountingCache {
    override async openLeaves(key: string): Promise<LeafFile | undefined> {
      const file = await super.openLeaves(key);
      return file && { ...file, digest: Buffer.alloc(32) };
    }
  }
  await treeOf(path, new DigestCache(cacheFolder, OLD_ENOUGH));
  const [name] = await readdir(cacheFolder);
  const cache = new Wrong(cacheFolder, 3_600_000);
  t.strictSame((await treeOf(path, cache)).tree, digest);
  t.equal((await readdir(cacheFolder)).includes(name ?? ''), false);
  t.equal(cache.open, 0);
  t.equal(cache.begun, 0, 'nothing is written about files that changed lately');
});
