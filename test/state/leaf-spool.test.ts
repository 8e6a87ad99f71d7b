import { readdir } from 'node:fs/promises';
import t, { type Test } from 'tap';
import { LeafSpool } from '../../src/state/leaf-spool.js';
import { temporaryFolder } from '../support/folder.js';
import { leafRuns } from '../support/leaf-runs.js';

/** Makes this the folder for temporary files, until the test ends. */
function inTemporaryFolder(t: Test, folder: string): void {
  const before = process.env['TMPDIR'];
  process.env['TMPDIR'] = folder;
  t.teardown(() => {
    if (before === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = before;
  });
}

async function allOf(spool: LeafSpool): Promise<string[]> {
  const found: string[] = [];
  for await (const { index, values } of spool.runs()) found.push(`${index} ${Buffer.from(values).toString('hex')}`);
  return found;
}

for (const [name, maxMemory] of [
  ['in memory', 1024],
  ['in a file', 0],
  ['partly in memory, partly in a file', 64],
] as const) {
  t.test(`leaves that are kept ${name} can be read twice, and leave no file`, async (t) => {
    const folder = await temporaryFolder(t);
    inTemporaryFolder(t, folder);
    const runs = leafRuns([1, 2, 7, 70_000]);
    const spool = new LeafSpool(maxMemory);
    for (const run of runs) await spool.add(run);
    await spool.end();
    const expected = runs.map(({ index, values }) => `${index} ${Buffer.from(values).toString('hex')}`);
    t.strictSame(await allOf(spool), expected);
    t.strictSame(await allOf(spool), expected);
    if (process.platform !== 'win32') t.strictSame(await readdir(folder), [], 'the file has no name');
    await spool.close();
    t.strictSame(await readdir(folder), []);
  });
}

t.test('without a folder for temporary files, many leaves are refused, with what to do', async (t) => {
  inTemporaryFolder(t, '/nonexistent');
  const spool = new LeafSpool(0);
  const [run] = leafRuns([0]);
  if (run) await t.rejects(spool.add(run), { code: 'output-unwritable', hint: /TMPDIR/ });
});
