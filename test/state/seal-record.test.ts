import { readFile, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { readSealRecord, restoreSealRecord, writeSealRecord } from '../../src/state/seal-record.js';
import { temporaryFolder } from '../support/folder.js';

const URI = 'https://a.blob.core.windows.net/c/b';

t.test('the id of a seal is kept for its blob and its owner only', async (t) => {
  const folder = join(await temporaryFolder(t), 'state');
  t.equal(await readSealRecord(folder, URI), undefined);
  t.equal(await writeSealRecord(folder, { uri: URI, leaseId: 'x' }), undefined);
  t.strictSame(await readSealRecord(folder, URI), { uri: URI, leaseId: 'x' });
  t.equal(await readSealRecord(folder, `${URI}2`), undefined);
  const path = join(folder, (await readdir(folder))[0] ?? '');
  if (process.platform !== 'win32') t.equal((await stat(path)).mode & 0o777, 0o600);
  await writeFile(path, (await readFile(path, 'utf8')).replace('"x"', '"y"'));
  t.equal(await readSealRecord(folder, URI), undefined, 'damaged');
});

t.test("a seal's id is withdrawn only while it is the one that is kept", async (t) => {
  const folder = await temporaryFolder(t);
  const [first, second] = ['1', '2'].map((leaseId) => ({ uri: URI, leaseId }));
  if (!first || !second) return;
  t.equal(await writeSealRecord(folder, first), undefined);
  t.strictSame(await writeSealRecord(folder, second), first);
  await restoreSealRecord(folder, first, undefined);
  t.strictSame(await readSealRecord(folder, URI), second);
  await restoreSealRecord(folder, second, first);
  t.strictSame(await readSealRecord(folder, URI), first);
});
