import { readdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { DigestCache } from '../../src/state/digest-cache.js';
import { temporaryFolder } from '../support/folder.js';

const MINUTE_MS = 60_000;

t.test('a digest is found by its key only', async (t) => {
  const cache = new DigestCache(join(await temporaryFolder(t), 'cache'));
  t.equal(await cache.readMd5('key'), undefined);
  await cache.writeMd5('key', Buffer.alloc(16, 7));
  t.strictSame(await cache.readMd5('key'), Buffer.alloc(16, 7));
  t.equal(await cache.readMd5('another'), undefined);
  t.equal(await cache.openLeaves('key'), undefined);
  const writer = await cache.createLeaves();
  await writer?.commit('key', Buffer.alloc(32, 8));
  const leaves = await cache.openLeaves('key');
  t.strictSame(leaves?.digest, Buffer.alloc(32, 8));
  await leaves?.close();
  await cache.deleteLeaves('key');
  t.equal(await cache.openLeaves('key'), undefined);
});

t.test('a file that changed within the last minute is not remembered', (t) => {
  const cache = new DigestCache('unused');
  const seenMs = 1_700_000_000_000;
  const changed = (beforeMs: number) => BigInt(seenMs - beforeMs) * 1_000_000n;
  const old = { mtimeNs: changed(MINUTE_MS + 1), ctimeNs: changed(MINUTE_MS + 1), seenMs };
  t.ok(cache.canRemember([old, old]));
  t.notOk(cache.canRemember([old, { ...old, mtimeNs: changed(MINUTE_MS) }]));
  t.notOk(cache.canRemember([{ ...old, ctimeNs: changed(MINUTE_MS) }, old]));
  t.notOk(cache.canRemember([{ ...old, mtimeNs: changed(-MINUTE_MS) }]), 'a time in the future');
  t.end();
});

t.test('the longest unused records go first, what crashed runs left goes after a day, other files stay', async (t) => {
  const folder = await temporaryFolder(t);
  const file = async (name: string, ageMs: number) => {
    await writeFile(join(folder, name), Buffer.alloc(100));
    const time = new Date(Date.now() - ageMs);
    await utimes(join(folder, name), time, time);
    return name;
  };
  const day = 24 * 60 * MINUTE_MS;
  const hex = (digit: string) => digit.repeat(32);
  const newer = await file(`${hex('a')}.leaves`, 1000);
  const older = await file(`${hex('b')}.md5.json`, 2000);
  await file(`${hex('c')}.leaves`, 3000);
  await file('00000000-0000-4000-8000-000000000000.fresh', day + MINUTE_MS);
  await file(`${hex('d')}.md5.json.0123`, day + MINUTE_MS);
  const fresh = await file('00000000-0000-4000-8000-000000000001.fresh', 0);
  const others = [await file('notes.txt', 9 * day), await file(`${hex('e')}.lease.json`, 9 * day)];
  await new DigestCache(folder).trim(300);
  t.strictSame((await readdir(folder)).sort(), [newer, older, fresh, ...others].sort());
});

t.test('a folder that cannot be written is no failure', async (t) => {
  const file = join(await temporaryFolder(t), 'file');
  await writeFile(file, '');
  const cache = new DigestCache(join(file, 'below'));
  await cache.writeMd5('key', Buffer.alloc(16));
  t.equal(await cache.readMd5('key'), undefined);
  t.equal(await cache.createLeaves(), undefined);
  await cache.deleteLeaves('key');
  await cache.trim();
});
