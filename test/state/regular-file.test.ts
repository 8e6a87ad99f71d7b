import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { openRegular, readRegular } from '../../src/state/regular-file.js';
import { temporaryFolder } from '../support/folder.js';
import { obstaclesIn } from '../support/obstacles.js';

const skip = process.platform === 'win32' && 'Windows has no such files in folders';

t.test('only a regular file is opened, at once, for reading and for writing', { skip }, async (t) => {
  const folder = await temporaryFolder(t);
  await mkdir(join(folder, 'targets'));
  const { all, isUntouched } = await obstaclesIn(join(folder, 'targets'));
  const path = join(folder, 'file');
  for (const { name, place } of all) {
    await place(path);
    if (name !== 'a file of 64 GiB')
      for (const writes of [false, true])
        await t.rejects(openRegular(path, { writes }), `${name}${writes ? ', for writing' : ''}`);
    await t.rejects(readRegular(path, 1000), name);
  }
  t.ok(await isUntouched());
});

t.test('a link is followed on request only', { skip }, async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'link');
  await writeFile(join(folder, 'file'), 'content');
  await symlink(join(folder, 'file'), path);
  await t.rejects(openRegular(path), { code: 'ELOOP' });
  await using handle = await openRegular(path, { follows: true });
  t.equal(await handle.readFile('utf8'), 'content');
});

t.test('a file is read to its end, if that comes within the limit', async (t) => {
  const path = join(await temporaryFolder(t), 'file');
  for (const length of [0, 1, 999, 1000]) {
    await writeFile(path, 'x'.repeat(length));
    t.equal((await readRegular(path, 1000)).length, length);
  }
  await writeFile(path, 'x'.repeat(1001));
  await t.rejects(readRegular(path, 1000), { message: /longer than expected/ });
  await t.rejects(readRegular(join(path, 'below'), 1000), { code: 'ENOTDIR' });
});
