import { readFile } from 'node:fs/promises';
import t from 'tap';
import { EXIT } from '../../../src/cli/exit-code.js';
import { EXIT_MEANINGS, flagVariables } from '../../../src/cli/help/topics.js';

t.test('help exit-codes has every exit code', async (t) => {
  const codes = EXIT_MEANINGS.map(([code]) => code);
  for (const code of Object.values(EXIT)) t.ok(codes.includes(code), String(code));
});

t.test('help environment has each variable once, with its commands', (t) => {
  const rows = flagVariables();
  t.equal(new Set(rows.map(([name]) => name)).size, rows.length);
  t.match(rows.find(([name]) => name === 'VHDUP_LIMIT')?.[1], /\(push, pull, verify\)$/);
  t.end();
});

t.test('the documents about the command line and the man page have the same exit codes', async (t) => {
  const page = await readFile(new URL('../../../docs/vhdup.1', import.meta.url), 'utf8');
  for (const [code] of EXIT_MEANINGS) t.match(page, new RegExp(`^\\.B ${code}$`, 'm'));
});
