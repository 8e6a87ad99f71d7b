import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { openOptions, requireFile } from '../../src/cli/disk-flags.js';
import { temporaryFolder } from '../support/folder.js';

t.test('a folder to look for parents in has to be there', async (t) => {
  const folder = await temporaryFolder(t);
  await writeFile(join(folder, 'file'), '');
  const options = (...parentDir: string[]) =>
    openOptions({ parentDir, followAbsoluteParents: false, ignoreChecksum: false });
  t.strictSame(options(folder).parentDirs, [folder]);
  for (const path of [join(folder, 'missing'), join(folder, 'file')])
    t.throws(() => options(folder, path), { code: 'usage', message: `--parent-dir: "${path}" is not a folder` });
});

t.test('a hyphen is no file: nothing is read from stdin, or written to stdout', (t) => {
  t.throws(() => requireFile('-', 'reads'), { code: 'usage', message: /stdin/ });
  t.throws(() => requireFile('-', 'writes'), { code: 'usage', message: /stdout/, hint: /\.\/-/ });
  t.doesNotThrow(() => requireFile('./-', 'reads'));
  t.end();
});
