import { readFile, readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';

const SRC = fileURLToPath(new URL('../src', import.meta.url));

/** Returns the files that each file imports, types included: the linter's rule for circles passes over those. */
async function imports(): Promise<Map<string, readonly string[]>> {
  const files = (await readdir(SRC, { recursive: true })).filter((name) => name.endsWith('.ts'));
  return new Map(
    await Promise.all(
      files.map(async (name): Promise<[string, string[]]> => {
        const text = await readFile(join(SRC, name), 'utf8');
        const found = [...text.matchAll(/(?:from|import\()\s*'(\.[^']+)\.js'/g)];
        return [name, found.map(([, path = '']) => relative(SRC, join(SRC, name, '..', `${path}.ts`)))];
      }),
    ),
  );
}

/** Returns the first circle that is reached from `file`; `undefined` if there is none. */
function circleFrom(
  file: string,
  graph: ReadonlyMap<string, readonly string[]>,
  path: readonly string[],
  done: Set<string>,
): string | undefined {
  if (path.includes(file)) return [...path.slice(path.indexOf(file)), file].join(' > ');
  if (done.has(file)) return undefined;
  for (const next of graph.get(file) ?? []) {
    const circle = circleFrom(next, graph, [...path, file], done);
    if (circle !== undefined) return circle;
  }
  done.add(file);
  return undefined;
}

t.test('no file of the sources imports itself through others, not even for a type', async (t) => {
  const graph = await imports();
  t.ok(graph.size > 100, `${graph.size} files`);
  t.ok(
    [...graph.values()].flat().every((name) => graph.has(name)),
    'all imports are files of the sources',
  );
  const done = new Set<string>();
  t.same([...graph.keys()].map((file) => circleFrom(file, graph, [], done)).filter(Boolean), []);
});

t.test('files are renamed in one place, which tries again while Windows refuses', async (t) => {
  const files = (await readdir(SRC, { recursive: true })).filter((name) => name.endsWith('.ts'));
  const renaming: string[] = [];
  for (const name of files)
    if (/\brename(?:Sync)?\b[^;]*from 'node:fs/.test(await readFile(join(SRC, name), 'utf8'))) renaming.push(name);
  t.same(renaming, [join('state', 'replace-file.ts')]);
});
