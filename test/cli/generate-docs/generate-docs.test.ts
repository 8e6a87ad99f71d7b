import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import t from 'tap';
import { cliPage } from '../../../src/cli/generate-docs/cli-page.js';
import { manPage } from '../../../src/cli/generate-docs/man-page.js';

const fileOf = (name: string) => readFile(new URL(`../../../docs/${name}`, import.meta.url), 'utf8');

t.test('docs/CLI.md and the man page are current ("npm run docs" writes them)', async (t) => {
  t.strictSame((await fileOf('CLI.md')).split('\n'), cliPage().split('\n'));
  t.strictSame((await fileOf('vhdup.1')).split('\n'), manPage().split('\n'));
});

t.test('the man page is clean roff', (t) => {
  const { error, stdout, stderr } = spawnSync('groff', ['-man', '-Tutf8', '-ww', '-z'], {
    input: manPage(),
    encoding: 'utf8',
  });
  if (error !== undefined) t.comment('groff is not installed');
  else t.equal(stdout + stderr, '');
  for (const line of manPage().split('\n')) if (/^[.']/.test(line)) t.match(line, /^\.(\\"|TH|SH|SS|B|TP|PP|br)/);
  t.end();
});
