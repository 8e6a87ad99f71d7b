import { join } from 'node:path';
import t, { type Test } from 'tap';
import { FolderStore } from '../../src/store/folder-store.js';
import type { Store, StoredObject } from '../../src/store/store.js';
import type { VersionRecord } from '../../src/toc/record.js';
import { pushVersion } from '../../src/vault/push/push-version.js';
import { Vault } from '../../src/vault/vault.js';
import { listVersions } from '../../src/vault/version-list.js';
import { temporaryFolder } from '../support/folder.js';
import { blocks, bytesOfVersion, sourceOf } from '../support/vault-content.js';

const HOUR_MS = 3_600_000;

/** A store that fails, or does something, at its calls, which are counted. */
class ScriptedStore implements Store {
  readonly name = 'scripted';
  readonly calls: string[] = [];
  /** Before a call; what it throws is thrown. */
  before: (call: string, key: string) => Promise<void> = () => Promise.resolve();
  /** After a call. */
  after: (call: string, key: string) => Promise<void> = () => Promise.resolve();
  /** Added to the times of the store, in milliseconds. */
  aheadMs = 0;
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  create = (key: string, parts: readonly Uint8Array[]) =>
    this.#call('create', key, () => this.#store.create(key, parts));
  get = (key: string, range?: { offset: number; length: number }) =>
    this.#call('get', key, () => this.#store.get(key, range));
  delete = (key: string) => this.#call('delete', key, () => this.#store.delete(key));
  now = () => this.#call('now', '', async () => (await this.#store.now()) + this.aheadMs);
  head = (key: string) => this.#call('head', key, async () => this.#later(await this.#store.head(key)));
  async *list(prefix: string): AsyncGenerator<StoredObject> {
    await this.#call('list', prefix, () => Promise.resolve());
    for await (const object of this.#store.list(prefix)) yield this.#later(object) ?? object;
  }

  #later(object: StoredObject | undefined): StoredObject | undefined {
    return object && { ...object, modified: object.modified + this.aheadMs };
  }

  async #call<T>(call: string, key: string, run: () => Promise<T>): Promise<T> {
    this.calls.push(`${call} ${key}`);
    await this.before(call, key);
    const result = await run();
    await this.after(call, key);
    return result;
  }
}

async function scene(t: Test) {
  const folder = new FolderStore(join(await temporaryFolder(t), 'vault'));
  const store = new ScriptedStore(folder);
  await Vault.create(store, { codec: 'raw' });
  const vault = await Vault.open(store);
  const pushed = (content: Buffer, parent?: VersionRecord) =>
    pushVersion(vault, sourceOf('disk', content), { dataset: 'd', parent, by: 'test' });
  const bytesOf = (record: VersionRecord) => bytesOfVersion(vault, record);
  const versions = async () => (await listVersions(vault))[0]?.versions.map(({ seq }) => seq) ?? [];
  const keys = async (prefix: string) => {
    const found: string[] = [];
    for await (const { key } of folder.list(prefix)) found.push(key);
    return found;
  };
  return { folder, store, vault, pushed, bytesOf, versions, keys };
}

t.test(
  'a failure at any call leaves no version that is not whole, and the same push succeeds afterwards',
  async (t) => {
    const set = await scene(t);
    const { store, pushed, bytesOf, versions, keys } = set;
    const [first, second] = [blocks(1, 2, 3, 4), blocks(1, 9, 3, 2)];
    const base = await pushed(first);
    store.calls.length = 0;
    await pushed(second, base);
    const calls = store.calls.length;
    t.ok(calls >= 12, `${calls} calls`);
    for (const moment of ['before', 'after'] as const)
      for (let at = 1; at <= calls; at++) {
        let count = 0;
        store[moment] = (call) => (++count === at ? Promise.reject(new Error(`${call} failed`)) : Promise.resolve());
        const known = await keys('versions/d/');
        const result = await pushed(second, base).catch((error: unknown) => error);
        store[moment] = () => Promise.resolve();
        const fresh = (await keys('versions/d/')).filter((key) => !known.includes(key) && !key.includes('.pin-'));
        t.ok(fresh.length <= 1, `${moment} call ${at}`);
        if (!(result instanceof Error))
          t.ok((await bytesOf(result as VersionRecord)).equals(second), 'it succeeded all the same');
      }
    const all = await versions();
    const again = await pushed(second, base);
    t.equal(again.seq, (all.at(-1) ?? 0) + 1);
    t.ok((await bytesOf(again)).equals(second));
  },
);

t.test('a parent is pinned while it is compared, and only then', async (t) => {
  const { store, pushed, keys } = await scene(t);
  const base = await pushed(blocks(1, 2));
  let pins: string[] = [];
  store.before = async (call, key) => {
    if (call === 'create' && key.startsWith('chunk/'))
      pins = (await keys('versions/d/')).filter((name) => name.includes('.pin-'));
  };
  await pushed(blocks(1, 3), base);
  t.match(pins, [/^versions\/d\/00000001\.pin-[0-9a-f]{32}\.json$/]);
  t.strictSame(
    (await keys('versions/d/')).filter((name) => name.includes('.pin-')),
    [],
  );
  store.before = (call) => (call === 'delete' ? Promise.reject(new Error('may not delete')) : Promise.resolve());
  t.equal((await pushed(blocks(1, 4), base)).seq, 3, 'a credential that may not delete is enough');
});

t.test('a version that needs something that is gone, or about to go, does not become visible', async (t) => {
  const { folder, store, pushed, versions, keys } = await scene(t);
  const base = await pushed(blocks(1, 2));
  const [chunk = ''] = await keys('chunk/');
  const atCommit = (what: () => Promise<unknown>) => {
    let isDone = false;
    store.after = async (call, key) => {
      if (call !== 'create' || !key.startsWith('toc/') || isDone) return;
      isDone = true;
      await what();
    };
  };
  atCommit(() => folder.create('trash/1', [Buffer.from(JSON.stringify({ at: 1, objects: [chunk] }))]));
  await t.rejects(pushed(blocks(1, 3), base), { code: 'source-changed', message: new RegExp(chunk) });
  await folder.delete('trash/1');
  atCommit(() => folder.create('trash/2', [Buffer.from('damaged')]));
  await t.rejects(pushed(blocks(1, 3), base), { code: 'vault-damaged' }, 'a list that cannot be read');
  await folder.delete('trash/2');
  const bytes = await folder.get(chunk);
  atCommit(() => folder.delete(chunk));
  await t.rejects(pushed(blocks(1, 3), base), { code: 'source-changed' });
  await folder.create(chunk, [bytes.subarray(1)]);
  store.after = () => Promise.resolve();
  await t.rejects(pushed(blocks(1, 3), base), { code: 'vault-damaged', message: /bytes, not/ });
  await folder.delete(chunk);
  await folder.create(chunk, [bytes]);
  t.strictSame(await versions(), [1]);
  t.equal((await pushed(blocks(1, 3), base)).seq, 2);
});

t.test('a record that comes late is looked at once more, and withdrawn if something is missing', async (t) => {
  const { folder, store, pushed, versions, keys } = await scene(t);
  const base = await pushed(blocks(1, 2));
  const [chunk = ''] = await keys('chunk/');
  store.after = async (call, key) => {
    if (call !== 'create' || !key.endsWith('.json') || key.includes('.pin-')) return;
    store.aheadMs = 13 * HOUR_MS;
    await folder.create('trash/1', [Buffer.from(JSON.stringify({ at: 1, objects: [chunk] }))]);
  };
  await t.rejects(pushed(blocks(1, 3), base), { code: 'source-changed' });
  t.strictSame(await versions(), [1]);
  await folder.delete('trash/1');
  store.after = async (call, key) => {
    if (call === 'create' && key.endsWith('.json') && !key.includes('.pin-')) store.aheadMs += 13 * HOUR_MS;
    await Promise.resolve();
  };
  t.equal((await pushed(blocks(1, 3), base)).seq, 2, 'if all is there, it stays');
});

t.test('a process that was stopped for too long does not complete its version', async (t) => {
  const { store, pushed, versions } = await scene(t);
  const { now } = Date;
  t.teardown(() => {
    Date.now = now;
  });
  for (const stepMs of [7 * HOUR_MS, -1000]) {
    store.after = async (call, key) => {
      // After the look at the store.
      if (call === 'list' && key === 'trash/') Date.now = () => now() + stepMs;
      await Promise.resolve();
    };
    await t.rejects(pushed(blocks(1, 2)), { code: 'writer-too-slow', retryable: true }, `${stepMs} ms`);
    Date.now = now;
  }
  t.strictSame(await versions(), []);
});
