import { execFile } from 'node:child_process';
import { access } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { PROJECT, anchorsOf, documents, linksOf, textOf } from './markdown.js';

const exists = (path: string) =>
  access(join(PROJECT, path)).then(
    () => true,
    () => false,
  );

/** Returns the file that a link in `document` leads to, and the anchor. */
function targetOf(document: string, link: string): { readonly path: string; readonly anchor: string | undefined } {
  const [path = '', anchor] = link.split('#', 2);
  return { path: path === '' ? document : posix.join(posix.dirname(document), decodeURI(path)), anchor };
}

/** Returns the files of the package that `npm pack` would make. */
async function packedFiles(): Promise<ReadonlySet<string>> {
  const { stdout } = await promisify(execFile)('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: PROJECT,
    maxBuffer: 2 ** 26,
    shell: process.platform === 'win32',
  });
  const [packed] = JSON.parse(stdout) as [{ readonly files: readonly { readonly path: string }[] }];
  return new Set(packed.files.map(({ path }) => path));
}

t.test('every link in a document leads to a file, and to a heading that it has', async (t) => {
  const dead: string[] = [];
  let count = 0;
  for (const document of await documents()) {
    for (const link of linksOf(await textOf(document))) {
      count++;
      const { path, anchor } = targetOf(document, link);
      if (!(await exists(path))) dead.push(`${document}: ${link}`);
      else if (anchor !== undefined && !anchorsOf(await textOf(path)).has(anchor)) dead.push(`${document}: ${link}`);
    }
  }
  t.ok(count > 30, `${count} links`);
  t.same(dead, []);
});

t.test('no document in the package has a link to a file that is not in it', async (t) => {
  const packed = await packedFiles();
  t.ok(packed.has('README.md') && packed.has('docs/PROTOCOL.md'));
  const dead: string[] = [];
  for (const document of (await documents()).filter((path) => packed.has(path))) {
    for (const link of linksOf(await textOf(document)))
      if (!packed.has(targetOf(document, link).path)) dead.push(`${document}: ${link}`);
  }
  t.same(dead, []);
});

t.test('every document in docs/ is listed in its index', async (t) => {
  const listed = new Set(linksOf(await textOf('docs/README.md')).map((link) => targetOf('docs/README.md', link).path));
  const there = (await documents()).filter((path) => path.startsWith('docs/') && path !== 'docs/README.md');
  t.same(
    there.filter((path) => !listed.has(path)),
    [],
  );
});

t.test('README is read in five minutes: it has at most 900 words', async (t) => {
  const words = (await textOf('README.md')).split(/\s+/).filter((word) => word !== '');
  t.ok(words.length <= 900, `${words.length} words`);
});

t.test('README names the commands for developers near its top', async (t) => {
  const top = (await textOf('README.md')).split('\n').slice(0, 8).join('\n');
  t.match(top, /`npm ci && npm run demo`/);
  t.match(top, /`npm ci && npm test`/);
});

t.test('README shows the captured session, to the letter', async (t) => {
  const [, shown] = /<!-- docs\/session\.txt[^>]*-->\n```console\n(.*?)```\n/s.exec(await textOf('README.md')) ?? [];
  t.equal(shown, await textOf('docs/session.txt'));
});
