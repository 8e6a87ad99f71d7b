import { mkdir, readFile, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import crc32 from 'crc-32';
import t from 'tap';
import { changeOf, readPullRecord, writePullRecord, type PullRecord } from '../../src/pull/record.js';
import { thisOwner } from '../../src/state/owner.js';
import { temporaryFolder } from '../support/folder.js';

const KEY = { blob: 'https://a.blob.core.windows.net/c/b', etag: '"0x1"', format: 'dynamic', onto: null };
const RECORD: PullRecord = {
  job: KEY,
  acceptsDiffering: false,
  durable: { below: 1, ahead: [16_777_216], end: 4096, fileSize: 8192 },
  state: 'fetching',
  identity: null,
  part: 'out.vhd.vhdup-part-0123456789abcdef',
  formerPart: null,
  stamp: null,
  owner: thisOwner(),
};

t.test('a record is read as it was written, readable by its owner only, with no other file', async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'record');
  t.equal(await readPullRecord(path), undefined);
  await writePullRecord(path, RECORD);
  const last: PullRecord = { ...RECORD, state: 'ready', identity: '1 2 3 4', stamp: '1 2 3 4 5', owner: null };
  await writePullRecord(path, last);
  t.strictSame(await readPullRecord(path), last);
  t.strictSame(await readdir(folder), ['record']);
  if (process.platform !== 'win32') t.equal((await stat(path)).mode & 0o777, 0o600);
});

t.test('one that is damaged, of another shape, a link or a folder counts as none', async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'record');
  await writePullRecord(path, RECORD);
  const whole = await readFile(path);
  for (let at = 0; at < whole.length; at += 3) {
    const damaged = Buffer.from(whole);
    damaged.writeUInt8(damaged.readUInt8(at) ^ 1, at);
    await writeFile(path, damaged);
    if ((await readPullRecord(path)) !== undefined) t.fail(`byte ${at}: ${damaged.toString()}`);
  }
  const durable = RECORD.durable;
  for (const other of [
    { job: { ...KEY, etag: 1 } },
    { job: { ...KEY, onto: 1 } },
    { acceptsDiffering: 'no' },
    { state: 'done' },
    { identity: 1 },
    { formerPart: undefined },
    { stamp: 0 },
    { part: null },
    { owner: {} },
    { durable: { ...durable, below: -1 } },
    { durable: { ...durable, ahead: 'x' } },
    { durable: { ...durable, ahead: [0.5] } },
    { durable: { ...durable, end: null } },
    { durable: { ...durable, fileSize: '1' } },
  ]) {
    const record = { ...RECORD, ...other };
    await writeFile(path, JSON.stringify({ crc: crc32.str(JSON.stringify(record)), record }));
    t.equal(await readPullRecord(path), undefined, JSON.stringify(other));
  }
  await writeFile(path, whole);
  t.strictSame(await readPullRecord(path), RECORD);
  if (process.platform === 'win32') return;
  await symlink(path, join(folder, 'link'));
  t.equal(await readPullRecord(join(folder, 'link')), undefined);
  await rm(path);
  await mkdir(path);
  t.equal(await readPullRecord(path), undefined);
  await t.rejects(writePullRecord(path, RECORD), { code: 'output-unwritable' });
  t.strictSame((await readdir(folder)).sort(), ['link', 'record'], 'no half-written file is left');
});

t.test('only an equal key resumes; the reason names what is different', (t) => {
  t.equal(changeOf(KEY, { ...KEY }), undefined);
  t.match(changeOf(KEY, { ...KEY, blob: 'x' }), /of another blob, https/);
  t.match(changeOf(KEY, { ...KEY, etag: 'x' }), /blob has changed/);
  t.match(changeOf(KEY, { ...KEY, format: 'x' }), /another format, dynamic/);
  t.match(changeOf(KEY, { ...KEY, onto: 'x' }), /local ancestor/);
  t.end();
});
