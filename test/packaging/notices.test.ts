import { readFile } from 'node:fs/promises';
import t from 'tap';
import { bundledFolders, licenceProblems, packageFolderOf } from '../../packaging/notices.js';

const ROOT = new URL('../../', import.meta.url);

t.test('every package in the bundle is in the notices', async (t) => {
  const notices = await readFile(new URL('THIRD-PARTY-NOTICES.md', ROOT), 'utf8');
  const folders = bundledFolders(await readFile(new URL('dist/metafile.json', ROOT), 'utf8'));
  t.ok(folders.length > 50, `${folders.length} packages`);
  const missing: string[] = [];
  for (const folder of folders) {
    const { name, version } = JSON.parse(await readFile(new URL(`${folder}/package.json`, ROOT), 'utf8')) as {
      name: string;
      version: string;
    };
    if (!notices.includes(`- ${name} ${version} (`)) missing.push(`${name} ${version}`);
  }
  t.same(missing, []);
});

t.test('a licence that is not permissive is a problem', (t) => {
  const one = (license: string) => ({ name: 'p', version: '1.0.0', license });
  t.same(licenceProblems([one('MIT'), one('ISC'), one('Apache-2.0')]), []);
  for (const license of ['GPL-3.0', 'LGPL-2.1', 'UNLICENSED', 'none'])
    t.equal(licenceProblems([one(license)]).length, 1);
  t.end();
});

t.test('a file belongs to the innermost package', (t) => {
  t.equal(packageFolderOf('node_modules/a/lib/x.js'), 'node_modules/a');
  t.equal(packageFolderOf('node_modules/@s/a/lib/x.js'), 'node_modules/@s/a');
  t.equal(packageFolderOf('node_modules/a/node_modules/@s/b/x.js'), 'node_modules/a/node_modules/@s/b');
  t.equal(packageFolderOf('src/index.ts'), undefined);
  t.end();
});

t.test('the package has no script that npm runs, or warns of, when it is installed', async (t) => {
  const { scripts } = JSON.parse(await readFile(new URL('package.json', ROOT), 'utf8')) as {
    scripts: Readonly<Record<string, string>>;
  };
  for (const name of ['preinstall', 'install', 'postinstall', 'prepare']) t.equal(scripts[name], undefined, name);
  t.end();
});
