import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { PROJECT, textOf } from './markdown.js';

/** A test that a document names: its file, and the beginnings of titles in it. */
interface NamedTest {
  readonly file: string;
  readonly titles: readonly string[];
}

/** Returns the tests that a cell of a table names, such as `` `push/claim`: "another machine", "a third"; `e2e/kill` ``. */
function testsIn(cell: string, folder: string): readonly NamedTest[] {
  return [...cell.matchAll(/`([a-z0-9./-]+)`(?:: ((?:"[^"]+"(?:, )?)+))?/g)].map(([, name = '', titles = '']) => ({
    file: `test/${name.includes('/') ? '' : folder}${name}.test.ts`,
    titles: [...titles.matchAll(/"([^"]+)"/g)].map(([, title = '']) => title),
  }));
}

/** Returns the last cells of the rows of a section's tables that have a column "test…". */
function testCells(section: string): readonly string[] {
  return section
    .split(/\n{2,}/)
    .filter((block) => /^\|[^\n]*\| test[^|\n]*\|\n/.test(block))
    .flatMap((block) => block.split('\n').slice(2))
    .map((row) => row.split('|').at(-2) ?? '');
}

async function problemsOf({ file, titles }: NamedTest): Promise<readonly string[]> {
  const path = join(PROJECT, file);
  const isThere = await access(path).then(
    () => true,
    () => false,
  );
  if (!isThere) return [`${file} is not there`];
  const text = (await readFile(path, 'utf8')).replace(/\\'/g, "'");
  return titles.filter((title) => !text.includes(title)).map((title) => `${file} has no test "${title}"`);
}

t.test('every test that PROTOCOL.md names for a guarantee is there', async (t) => {
  const text = await textOf('docs/PROTOCOL.md');
  const guarantees = testCells(text.slice(text.indexOf('\n## Guarantees')));
  t.ok(guarantees.length > 40, `${guarantees.length} guarantees`);
  const cells = testCells(text);
  t.ok(cells.length > guarantees.length + 8, 'the table of interrupted pulls is read too');
  const tests = cells.flatMap((cell) => testsIn(cell, 'pull/'));
  t.same((await Promise.all(tests.map(problemsOf))).flat(), []);
  for (const cell of cells)
    t.ok(testsIn(cell, 'pull/').length > 0 || /^ the same/.test(cell), `a test is named: ${cell}`);
});
