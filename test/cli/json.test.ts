import { readFile, readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import t from 'tap';
import { SCHEMA_URL, requireSchema } from '../support/json-schema.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const doc = await readFile(join(root, 'docs/JSON.md'), 'utf8');

t.test('each code of a warning or an error in the sources is in docs/JSON.md', async (t) => {
  const files = (await readdir(join(root, 'src'), { recursive: true })).filter((file) => file.endsWith('.ts'));
  const sources = await Promise.all(files.map((file) => readFile(join(root, 'src', file), 'utf8')));
  const used = sources.flatMap((text) => [...text.matchAll(/\bcode: '([a-z0-9-]+)'/g)].map(([, code]) => code ?? ''));
  const errors = /type ErrorCode =([^;]+);/.exec(await readFile(join(root, 'src/errors.ts'), 'utf8'))?.[1] ?? '';
  const codes = new Set([...used, ...[...errors.matchAll(/'([a-z-]+)'/g)].map(([, code]) => code ?? '')]);
  t.ok(codes.size > 40);
  for (const code of codes) t.match(doc, `\`${code}\``, code);
});

t.test('each key of the schema is in docs/JSON.md', async (t) => {
  const keys = new Set<string>();
  JSON.parse(await readFile(SCHEMA_URL, 'utf8'), (key, value: unknown) => {
    if (key === 'properties') for (const name of Object.keys(value as object)) keys.add(name);
    return value;
  });
  t.ok(keys.size > 60);
  for (const key of keys) t.match(doc, new RegExp(`[\`."]${key}[\`"]`), key);
});

t.test(
  'the check of all JSON output finds a key that is not in the schema, one that is missing, and null',
  async (t) => {
    const result = {
      vhdup: 2,
      command: 'abort',
      blob: 'b',
      outcome: 'deleted',
      state: 'writing',
      blobSize: 1,
      warnings: [],
    };
    const check = (value: object) => requireSchema(JSON.stringify(value));
    await t.resolves(check(result));
    for (const [name, wrong] of Object.entries({
      unknown: { ...result, extra: 1 },
      missing: { ...result, blobSize: undefined },
      null: { ...result, blobSize: null },
      version: { ...result, vhdup: 1 },
      'warning as text': { ...result, warnings: ['x'] },
      'unknown key of a warning': { ...result, warnings: [{ code: 'c', message: 'm', more: 1 }] },
      'etag with quotes': {
        vhdup: 2,
        command: 'info',
        blob: 'b',
        blobSize: 1,
        etag: '"e"',
        problems: [],
        warnings: [],
      },
    }))
      await t.rejects(check(wrong), /does not match/, name);
  },
);
