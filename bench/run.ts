import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Bench } from './bench.js';
import { installAzcopy } from './contestants/azcopy.js';
import { baseCheck } from './groups/base-check.js';
import { bytes } from './groups/bytes.js';
import { byDefault } from './groups/default.js';
import { formats } from './groups/formats.js';
import { full } from './groups/full.js';
import { iterative } from './groups/iterative.js';
import { latency } from './groups/latency.js';
import { memory } from './groups/memory.js';
import { planning } from './groups/planning.js';
import { rebuilt } from './groups/rebuilt.js';
import { slowUplink } from './groups/slow-uplink.js';
import { startUp } from './groups/start-up.js';
import { inputsIn } from './inputs/inputs.js';
import { thisMachine } from './machine.js';
import { stopMeasuring } from './measure.js';
import { readOptions } from './options.js';
import { compilePrograms } from './programs.js';
import type { Findings, Goal, Row } from './results.js';
import { startSink } from './servers/sink.js';
import { report } from './table.js';

/** Measures what bench/README.md lists. Ends with 0 also where goals are missed, and with 1 where a contestant fails. */

const GROUPS: Readonly<Record<string, (bench: Bench) => Promise<Findings>>> = {
  'start-up': startUp,
  planning,
  'slow-uplink': slowUplink,
  latency,
  memory,
  bytes,
  'base-check': baseCheck,
  iterative,
  full,
  default: byDefault,
  formats,
  rebuilt,
};
/** In a folder that git and npm leave alone. */
const AZCOPY_CACHE = fileURLToPath(new URL('../node_modules/.cache/vhdup-bench/azcopy', import.meta.url));
const RESULTS = fileURLToPath(new URL('results.json', import.meta.url));

const { only, rounds, keep } = readOptions(process.argv.slice(2), Object.keys(GROUPS));
const began = performance.now();
const say = (text: string): void => {
  process.stderr.write(`${((performance.now() - began) / 1000).toFixed(0).padStart(4)} s  ${text}\n`);
};
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, stopMeasuring);
const folder = await mkdtemp(join(tmpdir(), 'vhdup-bench-'));
const rows: Row[] = [];
const goals: Goal[] = [];
try {
  const programs = await compilePrograms(folder);
  await mkdir(join(folder, 'inputs'));
  say('looking for azcopy');
  const azcopy = await installAzcopy(AZCOPY_CACHE);
  const sink = await startSink(programs.sink);
  try {
    const bench: Bench = { folder, inputs: inputsIn(join(folder, 'inputs'), say), sink, azcopy, programs, rounds, say };
    for (const [name, measureGroup] of Object.entries(GROUPS)) {
      if (only && !only.includes(name)) continue;
      await measureGroup(bench).then(
        (found) => {
          rows.push(...found.rows);
          goals.push(...found.goals);
        },
        (error: unknown) => {
          say(`${name} failed: ${error instanceof Error ? error.message : String(error)}`);
          process.exitCode = 1;
        },
      );
    }
  } finally {
    await sink.stop();
  }
} finally {
  if (keep) say(`kept: ${folder}`);
  else await rm(folder, { recursive: true, force: true });
}
const machine = thisMachine();
goals.sort((a, b) => a.number - b.number);
await writeFile(RESULTS, `${JSON.stringify({ machine, goals, rows }, undefined, 2)}\n`);
process.stdout.write(`${report(machine, { rows, goals })}\n`);
say('done');
