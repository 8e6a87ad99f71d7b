import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { deleteLeaseRecord, readLeaseRecord, writeLeaseRecord } from '../../src/state/lease-record.js';
import { temporaryFolder } from '../support/folder.js';

const record = { uri: 'https://a.blob.core.windows.net/c/b', leaseId: '6d0d4a2e-0000-4000-8000-000000000000', pid: 42, host: 'here' };

t.test('a record is kept for its owner only, and forgotten when told', async (t) => {
  const folder = join(await temporaryFolder(t), 'state');
  t.equal(await readLeaseRecord(folder, record.uri), undefined);
  await writeLeaseRecord(folder, record);
  t.strictSame(await readLeaseRecord(folder, record.uri), record);
  const [name = ''] = await readdir(folder);
  if (process.platform !== 'win32') t.equal((await stat(join(folder, name))).mode & 0o777, 0o600);
  await deleteLeaseRecord(folder, record.uri);
  t.equal(await readLeaseRecord(folder, record.uri), undefined);
});

t.test('a damaged record counts as none', async (t) => {
  const folder = await temporaryFolder(t);
  await writeLeaseRecord(folder, record);
  const path = join(folder, (await readdir(folder))[0] ?? '');
  const text = await readFile(path, 'utf8');
  for (const damaged of [text.replace('42', '43'), text.slice(0, -5), '']) {
    await writeFile(path, damaged);
    t.equal(await readLeaseRecord(folder, record.uri), undefined);
  }
});

t.test('a folder that cannot be written is no failure', async (t) => {
  const file = join(await temporaryFolder(t), 'file');
  await writeFile(file, '');
  await writeLeaseRecord(join(file, 'below'), record);
  t.equal(await readLeaseRecord(join(file, 'below'), record.uri), undefined);
});
