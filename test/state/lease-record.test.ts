import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { deleteLeaseRecord, readLeaseRecord, writeLeaseRecord } from '../../src/state/lease-record.js';
import { temporaryFolder } from '../support/folder.js';

const record = {
  uri: 'https://a.blob.core.windows.net/c/b',
  leaseId: '6d0d4a2e-0000-4000-8000-000000000000',
  owner: { host: 'here', pid: 42, boot: '0f3e', namespace: 'pid:[1]', startedAt: 7, token: 'abcd' },
};

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

t.test('one flipped bit anywhere makes a record count as none', async (t) => {
  const folder = await temporaryFolder(t);
  await writeLeaseRecord(folder, record);
  const path = join(folder, (await readdir(folder))[0] ?? '');
  const whole = await readFile(path);
  for (let at = 0; at < whole.length; at++) {
    const damaged = Buffer.from(whole);
    damaged.writeUInt8(damaged.readUInt8(at) ^ (1 << (at % 8)), at);
    await writeFile(path, damaged);
    if ((await readLeaseRecord(folder, record.uri)) !== undefined) t.fail(`byte ${at} flipped: ${damaged.toString()}`);
  }
  await writeFile(path, whole);
  t.strictSame(await readLeaseRecord(folder, record.uri), record, `all ${whole.length} bytes matter`);
});

t.test('each blob has a record of its own, the last one written counts, and no other file is left', async (t) => {
  const folder = await temporaryFolder(t);
  const other = { ...record, uri: `${record.uri}2`, owner: { ...record.owner, pid: 43 } };
  await writeLeaseRecord(folder, record);
  await writeLeaseRecord(folder, other);
  const last = { ...record, owner: { ...record.owner, pid: 44 } };
  await writeLeaseRecord(folder, last);
  t.strictSame(await readLeaseRecord(folder, record.uri), last);
  t.strictSame(await readLeaseRecord(folder, other.uri), other);
  t.equal((await readdir(folder)).length, 2);
  await deleteLeaseRecord(folder, record.uri);
  t.strictSame(await readLeaseRecord(folder, other.uri), other);
  await deleteLeaseRecord(folder, record.uri);
});

t.test('a folder that cannot be written is no failure', async (t) => {
  const file = join(await temporaryFolder(t), 'file');
  await writeFile(file, '');
  await writeLeaseRecord(join(file, 'below'), record);
  t.equal(await readLeaseRecord(join(file, 'below'), record.uri), undefined);
});
