import { mkdir, readFile, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import crc32 from 'crc-32';
import t from 'tap';
import { DigestCache } from '../../src/state/digest-cache.js';
import { readLeaseRecord, updateLeaseRecord, writeLeaseRecord } from '../../src/state/lease-record.js';
import { thisOwner } from '../../src/state/owner.js';
import { readRecord, updateRecord, writeRecord, type RecordKind } from '../../src/state/record-file.js';
import { readSealRecord, restoreSealRecord, writeSealRecord } from '../../src/state/seal-record.js';
import { temporaryFolder } from '../support/folder.js';

interface Count {
  readonly count: number;
}
const COUNT: RecordKind<Count> = { name: 'count', parse: (value) => value as Count };
const URI = 'https://a.blob.core.windows.net/c/b';

t.test('of many that change a record at a time none loses its change, and no other file is left', async (t) => {
  const folder = join(await temporaryFolder(t), 'state');
  await Promise.all(
    Array.from({ length: 8 }, async () => {
      for (let time = 0; time < 3; time++)
        await updateRecord(COUNT, folder, 'key', (current) => ({ count: (current?.count ?? 0) + 1 }));
    }),
  );
  t.strictSame(await readRecord(COUNT, folder, 'key'), { count: 24 });
  t.equal((await readdir(folder)).length, 1);
  await updateRecord(COUNT, folder, 'key', () => undefined);
  t.strictSame(await readdir(folder), []);
});

t.test('many that write one record at a time leave a whole one, and no other file', async (t) => {
  const folder = await temporaryFolder(t);
  await Promise.all(Array.from({ length: 20 }, (_, count) => writeRecord(COUNT, folder, 'key', { count })));
  t.match(await readRecord(COUNT, folder, 'key'), { count: Number });
  t.equal((await readdir(folder)).length, 1);
});

t.test('a record replaces a link of its name, and does not write to where that leads', async (t) => {
  const folder = await temporaryFolder(t);
  await writeRecord(COUNT, folder, 'key', { count: 1 });
  const [name = ''] = await readdir(folder);
  const state = join(folder, 'state');
  await mkdir(state);
  await writeFile(join(folder, 'target'), 'precious');
  await symlink(join(folder, 'target'), join(state, name));
  await writeRecord(COUNT, state, 'key', { count: 2 });
  t.equal(await readFile(join(folder, 'target'), 'utf8'), 'precious');
  t.strictSame(await readRecord(COUNT, state, 'key'), { count: 2 });
});

t.test('a record of another shape counts as none, though its checksum fits', async (t) => {
  const folder = await temporaryFolder(t);
  const owner = thisOwner();
  const lease = { uri: URI, leaseId: 'x', owner };
  await writeLeaseRecord(folder, lease);
  await writeSealRecord(folder, { uri: URI, leaseId: 'x' });
  const cache = new DigestCache(folder);
  await cache.writeMd5(URI, Buffer.alloc(16));
  const rewrite = async (kind: string, record: unknown) => {
    const path = join(folder, (await readdir(folder)).find((name) => name.endsWith(`.${kind}.json`)) ?? '');
    const stored = { key: URI, record };
    await writeFile(path, JSON.stringify({ crc: crc32.str(JSON.stringify(stored)), ...stored }));
  };
  await rewrite('lease', { ...lease, formerIds: ['y'] });
  t.strictSame(await readLeaseRecord(folder, URI), { ...lease, formerIds: ['y'] }, 'one of the right shape counts');
  for (const wrong of [
    null,
    1,
    'x',
    [],
    {},
    { ...lease, owner: undefined },
    { ...lease, owner: { ...owner, pid: '1' } },
    { ...lease, leaseId: 1 },
    { ...lease, formerIds: 'x' },
    { ...lease, formerIds: [1] },
    { uri: URI, leaseId: 'x', pid: 1, host: 'of an older version' },
  ]) {
    await rewrite('lease', wrong);
    t.equal(await readLeaseRecord(folder, URI), undefined, JSON.stringify(wrong));
  }
  for (const wrong of [null, { uri: URI }, { uri: URI, leaseId: 7 }]) {
    await rewrite('seal', wrong);
    t.equal(await readSealRecord(folder, URI), undefined, JSON.stringify(wrong));
  }
  for (const wrong of [null, { md5: 7 }, { md5: 'zz' }]) {
    await rewrite('md5', wrong);
    t.equal(await cache.readMd5(URI), undefined, JSON.stringify(wrong));
  }
});

t.test('a folder that cannot be written is a failure, but for the records of leases', async (t) => {
  const file = join(await temporaryFolder(t), 'file');
  await writeFile(file, '');
  await t.rejects(
    updateRecord(COUNT, join(file, 'below'), 'key', () => ({ count: 1 })),
    { code: 'ENOTDIR' },
  );
  await t.rejects(writeSealRecord(join(file, 'below'), { uri: URI, leaseId: 'x' }), { code: 'ENOTDIR' });
  await updateLeaseRecord(join(file, 'below'), URI, () => ({ uri: URI, leaseId: 'x', owner: thisOwner() }));
  await restoreSealRecord(join(file, 'below'), { uri: URI, leaseId: 'x' }, undefined);
});
