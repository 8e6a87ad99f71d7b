import { readdir } from 'node:fs/promises';
import t from 'tap';
import { LeafCacheWriter } from '../../src/content/leaf-cache-writer.js';
import { DigestCache } from '../../src/state/digest-cache.js';
import type { LeafFileWriter } from '../../src/state/leaf-file.js';
import { temporaryFolder } from '../support/folder.js';

const RUN = { index: 0, values: new Uint8Array(32).fill(1) };
const DIGEST = Buffer.alloc(32, 2);

/** A cache whose writers log their calls, and fail to add leaves if they are told to. */
class LoggingCache extends DigestCache {
  readonly log: string[] = [];
  isFull = false;

  override async createLeaves(): Promise<LeafFileWriter | undefined> {
    const writer = await super.createLeaves();
    if (!writer) return undefined;
    const { add, commit } = writer;
    writer.add = async (run) => {
      this.log.push('add');
      if (this.isFull) throw new Error('ENOSPC');
      await add.call(writer, run);
    };
    writer.commit = async (key, digest) => {
      this.log.push('commit');
      await commit.call(writer, key, digest);
    };
    return writer;
  }
}

t.test('leaves are kept when they are committed', async (t) => {
  const folder = await temporaryFolder(t);
  const cache = new LoggingCache(folder);
  const writer = new LeafCacheWriter(cache);
  await writer.add(RUN);
  await writer.commit('key', DIGEST);
  t.strictSame(cache.log, ['add', 'commit']);
  const file = await cache.openLeaves('key');
  t.strictSame(file?.digest, DIGEST);
  await file?.close();
});

t.test('after a failure nothing more is written, and nothing is left', async (t) => {
  const folder = await temporaryFolder(t);
  const cache = new LoggingCache(folder);
  cache.isFull = true;
  const writer = new LeafCacheWriter(cache);
  await writer.add(RUN);
  cache.isFull = false;
  await writer.add(RUN);
  await writer.commit('key', DIGEST);
  t.strictSame(cache.log, ['add']);
  t.strictSame(await readdir(folder), []);
});

t.test('without a cache nothing is written', async () => {
  const writer = new LeafCacheWriter(undefined);
  await writer.add(RUN);
  await writer.commit('key', DIGEST);
  await writer.discard();
});
