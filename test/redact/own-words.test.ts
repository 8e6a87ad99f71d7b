import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { redact } from '../../src/redact/redact.js';

const SRC = fileURLToPath(new URL('../../src', import.meta.url));

t.test('no message of the tool itself is taken for a secret', async (t) => {
  let count = 0;
  for (const path of await readdir(SRC, { recursive: true })) {
    if (!path.endsWith('.ts') || path.startsWith('redact')) continue;
    const text = await readFile(join(SRC, path), 'utf8');
    for (const { groups } of text.matchAll(/(['"`])(?<literal>(?:\\.|(?!\1)[^\\\n])*)\1/g)) {
      const literal = (groups?.['literal'] ?? '').replace(/\$\{[^}]*\}/g, '');
      // Sentences: patterns and format strings are not printed.
      if (!/[a-z] [a-z]/.test(literal)) continue;
      count++;
      t.equal(redact(literal), literal, path);
    }
  }
  t.ok(count > 300, `${count} messages`);
});

t.test('the dots of an example are no signature; a signature with dots is one', (t) => {
  t.equal(redact('such as sv=…&sig=…, with or without'), 'such as sv=…&sig=…, with or without');
  t.equal(redact('https://a/b?sv=…&sig=…'), 'https://a/b?sv=…&sig=…');
  t.equal(redact('sig=…c2VjcmV0'), 'sig=REDACTED');
  t.end();
});
