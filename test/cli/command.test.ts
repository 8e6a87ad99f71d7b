import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { openOptions, paceOptions, requireFile } from '../../src/cli/command.js';
import { nameFlags } from '../../src/cli/flag-names.js';
import { temporaryFolder } from '../support/folder.js';

nameFlags();

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

t.test('a rate needs a unit, and the number of requests is a whole one from 1 to 512', (t) => {
  t.strictSame(paceOptions({ concurrency: 8, limit: '50M' }), { concurrency: 8, limit: 50 * 1024 ** 2 });
  for (const limit of ['50', '0M', '1K/m'])
    t.throws(() => paceOptions({ concurrency: undefined, limit }), { code: 'usage', message: /50M/ });
  for (const concurrency of [0, 513, 1.5])
    t.throws(() => paceOptions({ concurrency, limit: undefined }), { code: 'usage', message: /--concurrency/ });
  t.end();
});
