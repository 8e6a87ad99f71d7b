import { randomBytes } from 'node:crypto';
import type { Test } from 'tap';
import type { Store, StoredObject } from '../../src/store/store.js';

const KIB = 1024;

/** What every store promises, tried on a new one. */
export async function tryStore(t: Test, store: Store): Promise<void> {
  const all = async (prefix: string): Promise<readonly StoredObject[]> => {
    const found: StoredObject[] = [];
    for await (const object of store.list(prefix)) found.push(object);
    return found.sort((a, b) => (a.key < b.key ? -1 : 1));
  };
  const keys = async (prefix: string) => (await all(prefix)).map(({ key }) => key);
  t.strictSame(await keys(''), [], 'a new store is empty');
  t.equal(await store.head('chunk/ab/x'), undefined);
  await t.rejects(store.get('chunk/ab/x'), { code: 'vault-damaged', key: 'chunk/ab/x' });
  await store.delete('chunk/ab/x');

  const bytes = randomBytes(300 * KIB);
  const before = await store.now();
  t.equal(await store.create('chunk/ab/x', [bytes.subarray(0, 7), bytes.subarray(7)]), 'created');
  t.equal(await store.create('chunk/ab/x', [Buffer.from('other')]), 'exists');
  t.ok((await store.get('chunk/ab/x')).equals(bytes), 'it stays as it was made');
  t.ok((await store.get('chunk/ab/x', { offset: 5, length: 1000 })).equals(bytes.subarray(5, 1005)));
  t.equal((await store.get('chunk/ab/x', { offset: 5, length: 0 })).length, 0);
  for (const range of [
    { offset: bytes.length - 1, length: 2 },
    { offset: bytes.length + 10, length: 1 },
  ])
    await t.rejects(store.get('chunk/ab/x', range), { code: 'vault-damaged' }, 'never fewer bytes than asked for');
  const head = await store.head('chunk/ab/x');
  t.match(head, { key: 'chunk/ab/x', size: bytes.length });
  // Clocks of stores may have whole seconds.
  t.ok(Math.abs((head?.modified ?? 0) - before) < 5000, 'its time is by the clock of the store');

  t.equal(await store.create('empty', []), 'created');
  t.equal((await store.get('empty')).length, 0);
  for (const key of ['versions/a/1', 'versions/a/2', 'versions/ab/1']) await store.create(key, [Buffer.from(key)]);
  t.strictSame(await keys('versions/a/'), ['versions/a/1', 'versions/a/2']);
  t.strictSame(await keys('versions/a'), ['versions/a/1', 'versions/a/2', 'versions/ab/1'], 'a prefix is no folder');
  t.strictSame(await keys(''), ['chunk/ab/x', 'empty', 'versions/a/1', 'versions/a/2', 'versions/ab/1']);
  t.match(await all('empty'), [{ key: 'empty', size: 0 }]);
  await store.delete('versions/a/1');
  await store.delete('versions/a/1');
  t.strictSame(await keys('versions/a/'), ['versions/a/2']);
  t.equal(await store.create('versions/a/1', [Buffer.from('again')]), 'created');

  const contents = Array.from({ length: 8 }, () => randomBytes(40 * KIB));
  const results = await Promise.all(contents.map((content) => store.create('race', [content])));
  t.equal(results.filter((result) => result === 'created').length, 1, 'one of many creates it');
  const winner = contents[results.indexOf('created')];
  t.ok(winner && (await store.get('race')).equals(winner), 'and it is whole');

  for (const key of [
    '',
    '/',
    'a//b',
    '../a',
    'a/../b',
    './a',
    'a/.',
    'a.',
    'a b',
    'ä',
    'a\\b',
    'a\n',
    'con',
    'x/nul.txt',
    'a?b',
  ])
    await t.rejects(store.create(key, []), RangeError, `${JSON.stringify(key)} is not allowed`);
}
