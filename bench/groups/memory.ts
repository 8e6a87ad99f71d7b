import type { Bench } from '../bench.js';
import { atMost } from '../goals.js';
import { MIB, type Input } from '../inputs/input.js';
import { rowOf, type Findings, type Row, type Sample } from '../results.js';
import { pushToSink } from '../sink-runs.js';

/** Goal 9: the peak of memory does not grow with the disk. What azcopy takes for the same disk is in the group `full`. */
export async function memory(bench: Bench): Promise<Findings> {
  const large = await bench.inputs.large();
  const huge = await bench.inputs.huge();
  const ofLarge: Sample[] = [];
  const ofHuge: Sample[] = [];
  for (let round = 0; round < bench.rounds; round++) {
    bench.say(`memory, round ${round + 1}`);
    ofLarge.push((await pushToSink(bench, large.path, ['--no-md5'])).sample);
    ofHuge.push((await pushToSink(bench, huge.path, ['--no-md5'])).sample);
  }
  const rows = [row(large, 'vhdup --no-md5', ofLarge), row(huge, 'vhdup --no-md5', ofHuge)];
  const peaks = rows.map(({ rss }) => rss / MIB);
  return {
    rows,
    goals: [
      atMost(64, {
        number: 9,
        what: 'peak RSS of 2040 GiB and of 8 GiB, how far apart',
        unit: 'MiB',
        reached: Math.max(...peaks) - Math.min(...peaks),
      }),
      atMost(300, { number: 9, what: 'peak RSS, the higher of the two', unit: 'MiB', reached: Math.max(...peaks) }),
    ],
  };
}

function row({ name: input }: Input, contestant: string, samples: readonly Sample[]): Row {
  return rowOf({ group: 'memory', input, server: 'sink', contestant }, samples);
}
