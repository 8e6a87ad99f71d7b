import { execFile, spawnSync } from 'node:child_process';
import { readFile, readdir, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { TreeHasher, leafValues } from '../../src/digest/tree.js';
import { FolderStore } from '../../src/store/folder-store.js';
import type { VersionRecord } from '../../src/toc/record.js';
import { pushVersion } from '../../src/vault/push/push-version.js';
import { Toc } from '../../src/vault/read/toc.js';
import { VersionReader } from '../../src/vault/read/version-reader.js';
import { Vault } from '../../src/vault/vault.js';
import { findVersion, listVersions } from '../../src/vault/version-list.js';
import { temporaryFolder } from '../support/folder.js';
import { scaled, seedOfRun } from '../support/scale.js';
import { BLOCK, bytesOfVersion, noise, sourceOf } from '../support/vault-content.js';

const seed = seedOfRun();
t.comment(`seed ${seed}`);
const run = promisify(execFile);
const READER = fileURLToPath(new URL('reader.py', import.meta.url));
const hasPython = spawnSync('python3', ['--version']).status === 0;
if (!hasPython) t.comment('python3 is not here: nothing is read by the other reader');
const KIB = 1024;

function treeOf(content: Buffer): string {
  const tree = new TreeHasher(content.length);
  tree.add(0, leafValues(content));
  return tree.digest().toString('hex');
}

async function scene(t: Test) {
  const folder = await temporaryFolder(t);
  const vault = await Vault.create(new FolderStore(join(folder, 'vault')), { codec: 'raw' });
  const pushed = (type: 'disk' | 'mailbox', content: Buffer, parent?: VersionRecord) =>
    pushVersion(vault, sourceOf(type, content), { dataset: type, parent, by: 'test' });
  const readerOf = async (record: VersionRecord) => new VersionReader(vault, await Toc.open(vault, record));
  const contentOf = (record: VersionRecord) => bytesOfVersion(vault, record);
  const byPython = async ({ dataset, seq }: VersionRecord, ...flags: string[]) => {
    const out = join(folder, 'out');
    await run('python3', [READER, join(folder, 'vault'), dataset, String(seq), out, ...flags]);
    return readFile(out);
  };
  return { folder, vault, pushed, readerOf, contentOf, byPython };
}

interface Edit {
  readonly kind: 'insert' | 'delete' | 'change' | 'zero' | 'move';
  readonly at: number;
  readonly length: number;
}

function edited(content: Buffer, edits: readonly Edit[], type: 'disk' | 'mailbox'): Buffer {
  let bytes = content;
  for (const { kind, at: place, length } of edits) {
    const at = Math.min(place, bytes.length);
    const end = Math.min(at + length, bytes.length);
    const name = `${kind} ${at} ${length} ${bytes.length}`;
    if (kind === 'insert') bytes = Buffer.concat([bytes.subarray(0, at), noise(name, length), bytes.subarray(at)]);
    else if (kind === 'delete') bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(end)]);
    else {
      bytes = Buffer.from(bytes);
      if (kind === 'zero') bytes.fill(0, at, end);
      else if (kind === 'change') noise(name, end - at).copy(bytes, at);
      else bytes.copy(bytes, Math.floor(at / BLOCK) * BLOCK, 0, Math.min(length, bytes.length - at));
    }
  }
  return type === 'disk' ? bytes.subarray(0, Math.max(512, bytes.length - (bytes.length % 512))) : bytes;
}

const edit = fc.record({
  kind: fc.constantFrom('insert' as const, 'delete' as const, 'change' as const, 'zero' as const, 'move' as const),
  at: fc.nat(3000 * KIB),
  length: fc.integer({ min: 1, max: 400 * KIB }),
});

for (const type of ['disk', 'mailbox'] as const)
  t.test(
    `any versions of a ${type}: each is read as it was pushed, at any byte, here and by another reader`,
    async (t) => {
      const { pushed, contentOf, readerOf, byPython } = await scene(t);
      await fc.assert(
        fc.asyncProperty(
          fc.nat(1500 * KIB),
          fc.array(fc.array(edit, { maxLength: 3 }), { minLength: 1, maxLength: 3 }),
          fc.array(fc.tuple(fc.nat(), fc.nat(200 * KIB)), { maxLength: 8 }),
          async (size, changes, ranges) => {
            let content = edited(Buffer.concat([noise('base', size), Buffer.alloc(size)]), [], type);
            const versions = [{ content, record: await pushed(type, content) }];
            for (const edits of changes) {
              content = edited(content, edits, type);
              versions.push({ content, record: await pushed(type, content, versions.at(-1)?.record) });
            }
            for (const { content, record } of versions) {
              if (!(await contentOf(record)).equals(content)) throw new Error(`version ${record.seq}: other bytes`);
              if (record.facts.tree !== treeOf(content)) throw new Error(`version ${record.seq}: another tree`);
              const reader = await readerOf(record);
              for (const [from, length] of ranges) {
                const offset = content.length === 0 ? 0 : from % content.length;
                const into = Buffer.alloc(Math.min(length, content.length - offset), 1);
                await reader.read(offset, into);
                if (!into.equals(content.subarray(offset, offset + into.length))) throw new Error('another range');
              }
            }
            const last = versions.at(-1);
            if (!last) throw new Error('no version');
            const again = await pushed(type, last.content);
            if (type === 'disk' && again.facts.content !== last.record.facts.content)
              throw new Error('another content');
            if (!hasPython) return;
            if (!(await byPython(last.record)).equals(last.content)) throw new Error('by the TOC: other bytes');
            if (!(await byPython(last.record, '--chunks')).equals(last.content))
              throw new Error('by chunks: other bytes');
          },
        ),
        { numRuns: scaled(12), seed, endOnFailure: true },
      );
      t.pass('any versions');
    },
  );

t.test(
  'a byte that is changed, or an object that is cut or gone, is found, and no wrong byte is returned',
  async (t) => {
    const { folder, vault, pushed, contentOf } = await scene(t);
    const first = Buffer.concat([noise('first', 20 * BLOCK), Buffer.alloc(5 * BLOCK), noise('more', BLOCK)]);
    const second = Buffer.concat([first.subarray(0, 3 * BLOCK), noise('new', BLOCK), first.subarray(4 * BLOCK)]);
    const one = await pushed('disk', first);
    await pushed('disk', second, one);
    const root = join(folder, 'vault');
    const keys: string[] = [];
    for (const name of await readdir(root, { recursive: true }))
      if (/[0-9a-f]{32}$|json$/.test(name) && name !== 'tmp') keys.push(name);
    t.equal(keys.length, 1 + 2 + 2 + 2, 'vault.json, records, tables of contents, chunks');
    let found = 0;
    const isDamaged = async (what: string) => {
      try {
        const opened = await Vault.open(vault.store);
        const read = await contentOf(await findVersion(opened, 'disk', 2));
        if (!read.equals(second)) t.fail(`${what}: a wrong byte`);
      } catch (error) {
        found++;
        t.match(error, { name: 'VhdupError', code: /vault-damaged|version-missing/ }, what);
      }
    };
    for (const key of keys) {
      const path = join(root, key);
      const bytes = await readFile(path);
      for (let step = 0; step < 12; step++) {
        const at = Math.floor((step * (bytes.length - 1)) / 11);
        const wrong = Buffer.from(bytes);
        wrong.writeUInt8(wrong.readUInt8(at) ^ 16, at);
        await writeFile(path, wrong);
        await isDamaged(`${key} at ${at}`);
      }
      await writeFile(path, bytes);
      await truncate(path, bytes.length - 1);
      await isDamaged(`${key}, cut`);
      await writeFile(path, bytes);
    }
    t.ok((await contentOf(await findVersion(vault, 'disk', 2))).equals(second));
    t.ok(found > 60, `${found} times`);
  },
);

t.test('pushes at once are versions of their own; what has not changed is stored once', async (t) => {
  const { vault, pushed, contentOf } = await scene(t);
  const contents = Array.from({ length: 5 }, (_, index) => noise(`disk ${index}`, 4 * BLOCK));
  const records = await Promise.all(contents.map((content) => pushed('disk', content)));
  t.strictSame(records.map(({ seq }) => seq).sort(), [1, 2, 3, 4, 5]);
  for (const [index, record] of records.entries())
    t.ok((await contentOf(record)).equals(contents[index] ?? Buffer.alloc(0)));
  t.match(await listVersions(vault), [{ dataset: 'disk', highestSeq: 5, versions: { length: 5 } }]);
  const base = records[0];
  const again = await pushed('disk', contents[0] ?? Buffer.alloc(0), base);
  t.match(again.facts, { content: base?.facts.content, stats: { changed: 0, moved: 0, new: 0 } });
  t.ok(again.facts.stats.stored < 1000, `${again.facts.stats.stored} bytes are stored`);
  const moved = Buffer.concat([noise('before', BLOCK), contents[0] ?? Buffer.alloc(0), contents[0] ?? Buffer.alloc(0)]);
  const third = await pushed('disk', moved, again);
  t.match(third.facts.stats, { changed: 9, moved: 8, new: 1 });
  t.ok((await contentOf(third)).equals(moved));
  await t.rejects(findVersion(vault, 'disk', 99), { code: 'version-missing' });
  await t.rejects(findVersion(vault, 'other', 'latest'), { code: 'version-missing' });
  await t.rejects(Vault.create(vault.store), { code: 'vault-exists' });
  await t.rejects(pushed('mailbox', Buffer.from('x'), third), { code: 'usage' });
});
