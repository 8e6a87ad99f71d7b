/*
 * `npm test`: runs the test files, or those that the arguments name (files and folders). The files of a folder share a
 * process, as starts would take most of the time; own-process.ts lists those that cannot. Prints a line for each file, all
 * that a failed one said, and at the end how many assertions passed, failed and were skipped. Ends with 1 if one failed, if a
 * process ended before its files did or said nothing for too long, or if a file asserted nothing.
 */
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { groupsOf, testFiles } from './files.js';
import { killAll, runGroup, type FileResult } from './group-process.js';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
/** Tests also wait. */
const JOBS = availableParallelism() + 1;
const MS = 1000;

const totals = { total: 0, pass: 0, fail: 0, skip: 0, todo: 0 };
const failed: string[] = [];
const say = (line: string): void => void process.stdout.write(`${line}\n`);
const seconds = (ms: number): string => `${(ms / MS).toFixed(1)} s`;

function report({ file, ms, problem, said }: FileResult): void {
  say(
    `${problem === undefined ? 'passed' : 'FAILED'} ${file} ${seconds(ms)}${problem === undefined ? '' : `: ${problem}`}`,
  );
  if (problem === undefined) {
    for (const line of said) if (/# SKIP/.test(line)) say(`  ${line.trim()}`);
    return;
  }
  failed.push(file);
  // Of what holds, only the tests that it belongs to.
  for (const line of said) if (!/^ +ok /.test(line) || line.includes('# time=')) say(`  ${line}`);
}

for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => {
    killAll();
    process.kill(process.pid, signal);
  });

const named = process.argv.slice(2);
const files = testFiles(ROOT, named.length > 0 ? named : ['test']);
const begun = performance.now();
const waiting = groupsOf(files);
await Promise.all(
  Array.from({ length: JOBS }, async () => {
    for (let group = waiting.shift(); group; group = waiting.shift()) {
      const counts = await runGroup(ROOT, group, report);
      for (const kind of Object.keys(totals) as (keyof typeof totals)[]) totals[kind] += counts[kind] ?? 0;
    }
  }),
);

say(`${files.length} files in ${seconds(performance.now() - begun)}`);
for (const file of failed) say(`failed: ${file}`);
// A problem of a process is none of its assertions.
totals.fail = Math.max(totals.fail, failed.length);
// .ci/run adds this line up.
say(
  `# { ${Object.entries(totals)
    .map(([kind, count]) => `${kind}: ${count}`)
    .join(', ')} }`,
);
process.exitCode = totals.fail > 0 || totals.pass === 0 ? 1 : 0;
