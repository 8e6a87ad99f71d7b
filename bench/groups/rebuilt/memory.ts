import type { Bench } from '../../bench.js';
import { pushWithVhdup } from '../../contestants/vhdup.js';
import { atMost } from '../../goals.js';
import { MIB, type Input } from '../../inputs/input.js';
import { rowOf, type Findings, type Row, type Sample } from '../../results.js';
import { startAzuriteTarget } from '../../servers/target.js';
import { GROUP, pushOver } from './over-base.js';

/** Goal 21: the peak of memory does not grow with the disk. The group `memory` says the same of full pushes. */
export async function rebuiltMemory(bench: Bench): Promise<Findings> {
  const { inputs } = bench;
  const rows = [
    await peakOf(bench, await inputs.large(), await inputs.largeAgain()),
    await peakOf(bench, await inputs.huge(), await inputs.hugeAgain()),
  ];
  const peaks = rows.map(({ rss }) => rss / MIB);
  return {
    rows,
    goals: [
      atMost(64, {
        number: 21,
        what: 'peak RSS of 2040 GiB and of 8 GiB over a base, how far apart',
        unit: 'MiB',
        reached: Math.max(...peaks) - Math.min(...peaks),
      }),
      atMost(300, { number: 21, what: 'peak RSS, the higher of the two', unit: 'MiB', reached: Math.max(...peaks) }),
    ],
  };
}

async function peakOf(bench: Bench, base: Input, disk: Input): Promise<Row> {
  const samples: Sample[] = [];
  const azurite = await startAzuriteTarget(bench.folder);
  try {
    bench.say(`memory, ${disk.name}: the base`);
    await pushWithVhdup(bench, base.path, ['--to', azurite.uri('base'), '--no-md5']);
    for (let round = 0; round < bench.rounds; round++) {
      bench.say(`memory, ${disk.name}, round ${round + 1}`);
      const uris = { base: azurite.uri('base'), to: azurite.uri(`over-${round}`) };
      const { result, wallMs, cpuMs, rss } = await pushOver(bench, disk, uris, ['--no-md5']);
      samples.push({ wallMs, cpuMs, rss, bytes: result.sent });
    }
  } finally {
    await azurite.stop();
  }
  return rowOf({ group: GROUP, input: disk.name, server: 'Azurite', contestant: 'vhdup --base --no-md5' }, samples);
}
