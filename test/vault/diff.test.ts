import { join } from 'node:path';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { FolderStore } from '../../src/store/folder-store.js';
import type { VersionRecord } from '../../src/toc/record.js';
import { diffVersions, type Change } from '../../src/vault/diff.js';
import { pushVersion } from '../../src/vault/push/push-version.js';
import { Toc } from '../../src/vault/read/toc.js';
import { Vault } from '../../src/vault/vault.js';
import { temporaryFolder } from '../support/folder.js';
import { scaled, seedOfRun } from '../support/scale.js';
import { BLOCK, noise, sourceOf } from '../support/vault-content.js';

async function scene(t: Test) {
  const vault = await Vault.create(new FolderStore(join(await temporaryFolder(t), 'vault')), { codec: 'raw' });
  const pushed = (content: Buffer, type: 'disk' | 'mailbox' = 'disk') =>
    pushVersion(vault, sourceOf(type, content), { dataset: type, by: 'test' });
  const diff = async (older: VersionRecord, newer: VersionRecord) => {
    const found: Change[] = [];
    for await (const change of diffVersions(await Toc.open(vault, older), await Toc.open(vault, newer)))
      found.push(change);
    return found;
  };
  return { vault, pushed, diff };
}

/** Blocks by their names; `.`: zeros. */
function diskOf(names: readonly string[]): Buffer {
  return Buffer.concat(names.map((name) => (name === '.' ? Buffer.alloc(BLOCK) : noise(name, BLOCK))));
}

t.test('any two disks: each block is of the kind that a simple model says', async (t) => {
  const { pushed, diff } = await scene(t);
  const seed = seedOfRun();
  t.comment(`seed ${seed}`);
  const names = fc.array(fc.constantFrom('a', 'b', 'c', 'd', '.'), { minLength: 1, maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(names, names, async (older, newer) => {
      const found = await diff(await pushed(diskOf(older)), await pushed(diskOf(newer)));
      const kinds = found.flatMap(({ length, kind }) => Array.from({ length: length / BLOCK }, () => kind));
      const expected = newer.map((name, at) =>
        name === (older[at] ?? '') ? 'same' : name === '.' ? 'zero' : older.includes(name) ? 'moved' : 'changed',
      );
      if (kinds.join() !== expected.join()) throw new Error(`${kinds.join()} and not ${expected.join()}`);
      if (found.some(({ kind }, at) => kind === found[at + 1]?.kind)) throw new Error('neighbours of one kind');
      let next = 0;
      for (const { start, length } of found) {
        if (start !== next) throw new Error('a gap');
        next = start + length;
      }
    }),
    { numRuns: scaled(100), seed, endOnFailure: true },
  );
  t.pass('any disks');
});

t.test('of a stream, what an insertion has moved is not changed; no chunk is read', async (t) => {
  const { vault, pushed, diff } = await scene(t);
  const bytes = noise('stream', 1024 * 1024);
  const one = await pushed(bytes, 'mailbox');
  const two = await pushed(
    Buffer.concat([bytes.subarray(0, 300_000), Buffer.from('one more mail'), bytes.subarray(300_000)]),
    'mailbox',
  );
  for await (const { key } of vault.store.list('chunk/')) await vault.store.delete(key);
  const totals = { same: 0, moved: 0, changed: 0, zero: 0 };
  for (const { length, kind } of await diff(one, two)) totals[kind] += length;
  t.ok(totals.changed < 200_000, `${totals.changed} bytes changed`);
  t.ok(totals.moved > 500_000);
  t.ok(totals.same > 200_000);
  t.strictSame(await diff(one, one), [{ start: 0, length: bytes.length, kind: 'same' }]);
});
