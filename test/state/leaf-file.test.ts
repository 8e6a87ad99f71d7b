import { randomBytes } from 'node:crypto';
import { readFile, readdir, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { LeafFileWriter, deleteLeafFile, openLeafFile } from '../../src/state/leaf-file.js';
import type { StoredRun } from '../../src/state/leaf-runs.js';
import { temporaryFolder } from '../support/folder.js';

const DIGEST = randomBytes(32);

async function written(folder: string, key: string, runs: readonly StoredRun[]): Promise<void> {
  const writer = await LeafFileWriter.create(folder);
  for (const run of runs) await writer.add(run);
  await writer.commit(key, DIGEST);
}

async function runsIn(folder: string, key: string): Promise<StoredRun[] | undefined> {
  const file = await openLeafFile(folder, key);
  if (!file) return undefined;
  try {
    t.ok(file.digest.equals(DIGEST));
    const runs: StoredRun[] = [];
    for await (const { index, values } of file.runs()) runs.push({ index, values: Buffer.from(values) });
    return runs;
  } finally {
    await file.close();
  }
}

t.test('leaves are read as they were written, runs longer than a read among them', async (t) => {
  const folder = join(await temporaryFolder(t), 'cache');
  const runs = [
    { index: 0, values: randomBytes(32) },
    { index: 7, values: randomBytes(32_768 * 32) },
    { index: 2 ** 33, values: randomBytes(3 * 32) },
    ...Array.from({ length: 100 }, (_, n) => ({ index: 2 ** 33 + 10 + 2 * n, values: randomBytes(32) })),
  ];
  await written(folder, 'key', runs);
  t.strictSame(await runsIn(folder, 'key'), runs);
  t.equal(await openLeafFile(folder, 'another key'), undefined);
  const names = await readdir(folder);
  t.match(names, [/^[0-9a-f]{32}\.leaves$/], 'and no unfinished file');
  if (process.platform !== 'win32') t.equal((await stat(join(folder, names[0] ?? ''))).mode & 0o777, 0o600);
  await deleteLeafFile(folder, 'key');
  await deleteLeafFile(folder, 'key');
  t.equal(await openLeafFile(folder, 'key'), undefined);
});

t.test('a file has no name before it is committed, and none if it is discarded', async (t) => {
  const folder = await temporaryFolder(t);
  const writer = await LeafFileWriter.create(folder);
  await writer.add({ index: 0, values: randomBytes(32) });
  t.equal(await openLeafFile(folder, 'key'), undefined);
  await writer.discard();
  t.strictSame(await readdir(folder), []);
});

t.test('a file that is cut, of another key, or a link to one, counts for nothing', async (t) => {
  const folder = await temporaryFolder(t);
  await written(folder, 'key', [{ index: 0, values: randomBytes(64) }]);
  const [name = ''] = await readdir(folder);
  const path = join(folder, name);
  const whole = await readFile(path);
  for (const length of [0, 40, 79]) {
    await writeFile(path, whole.subarray(0, length));
    t.equal(await openLeafFile(folder, 'key'), undefined, `${length} bytes`);
  }
  for (const length of [80, 95, 130, whole.length - 1]) {
    await writeFile(path, whole.subarray(0, length));
    await t.rejects(runsIn(folder, 'key'), { name: 'RangeError' }, `${length} bytes`);
  }
  const foreign = Buffer.from(whole);
  foreign.writeUInt8(foreign.readUInt8(20) ^ 1, 20);
  await writeFile(path, foreign);
  t.equal(await openLeafFile(folder, 'key'), undefined, 'of another key');
  const huge = Buffer.from(whole);
  huge.writeUInt32BE(32_769, 80 + 8);
  await writeFile(path, huge);
  await t.rejects(runsIn(folder, 'key'), { message: /a run of 32769 kept leaves/ });
  if (process.platform === 'win32') return;
  const other = await temporaryFolder(t);
  await writeFile(path, whole);
  await symlink(path, join(other, name));
  t.equal(await openLeafFile(other, 'key'), undefined, 'a link');
});

t.test('reading leaves marks them as used', async (t) => {
  const folder = await temporaryFolder(t);
  await written(folder, 'key', []);
  const path = join(folder, (await readdir(folder))[0] ?? '');
  await utimes(path, 0, 0);
  t.strictSame(await runsIn(folder, 'key'), []);
  t.ok((await stat(path)).mtimeMs > 0);
});
