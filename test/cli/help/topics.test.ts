import { readFile } from 'node:fs/promises';
import t from 'tap';
import { EXIT, EXIT_MEANINGS } from '../../../src/cli/exit-code.js';
import { flagVariables, topicHelp } from '../../../src/cli/help/topics.js';

t.test('help exit-codes has every exit code', (t) => {
  const text = topicHelp('exit-codes', 80).join('\n');
  for (const code of Object.values(EXIT)) t.match(text, new RegExp(`^ +${code} +\\w`, 'm'));
  t.end();
});

t.test('help environment has each variable once, with its commands', (t) => {
  const rows = flagVariables();
  t.equal(new Set(rows.map(([name]) => name)).size, rows.length);
  t.match(rows.find(([name]) => name === 'VHDUP_LIMIT')?.[1], /\(push, pull, verify, leaves\)$/);
  t.end();
});

t.test('the documents about the command line and the man page have the same exit codes', async (t) => {
  const page = await readFile(new URL('../../../docs/vhdup.1', import.meta.url), 'utf8');
  for (const code of Object.keys(EXIT_MEANINGS)) t.match(page, new RegExp(`^\\.B ${code}$`, 'm'));
});
