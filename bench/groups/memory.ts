import type { Bench } from '../bench.js';
import { atMost } from '../goals.js';
import { CONVERSIONS } from '../inputs/converted.js';
import { MIB, type Input } from '../inputs/input.js';
import { rowOf, type Findings, type Row, type Sample } from '../results.js';
import { pushToSink } from '../sink-runs.js';

/** Goals 9 and 16: the peak of memory does not grow with the disk. What azcopy takes for the same disk is in the group `full`. */
export async function memory(bench: Bench): Promise<Findings> {
  const { inputs, rounds } = bench;
  const vhd = await pair(bench, [await inputs.large(), await inputs.huge()], rounds);
  const rows = [...vhd];
  const goals = goalsOf(9, 'vhd', vhd);
  for (const kind of ['zstd', 'vhdx'] as const) {
    const conversion = CONVERSIONS[kind];
    const found = await pair(bench, [await inputs.largeAs(conversion), await inputs.hugeAs(conversion)], 1);
    rows.push(...found);
    goals.push(...goalsOf(16, conversion.name, found));
  }
  return { rows, goals };
}

/** Pushes two disks in turn. */
async function pair(bench: Bench, inputs: readonly Input[], rounds: number): Promise<Row[]> {
  const samples = inputs.map((): Sample[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const [index, { name, path }] of inputs.entries()) {
      bench.say(`memory, ${name}, round ${round + 1}`);
      samples[index]?.push((await pushToSink(bench, path, ['--no-md5'])).sample);
    }
  }
  return inputs.map(({ name: input }, index) =>
    rowOf({ group: 'memory', input, server: 'sink', contestant: 'vhdup --no-md5' }, samples[index] ?? []),
  );
}

function goalsOf(number: number, format: string, rows: readonly Row[]) {
  const peaks = rows.map(({ rss }) => rss / MIB);
  return [
    atMost(64, {
      number,
      what: `${format}: peak RSS of 2040 GiB and of 8 GiB, how far apart`,
      unit: 'MiB',
      reached: Math.max(...peaks) - Math.min(...peaks),
    }),
    atMost(300, {
      number,
      what: `${format}: peak RSS, the higher of the two`,
      unit: 'MiB',
      reached: Math.max(...peaks),
    }),
  ];
}
