import type { Bench } from '../bench.js';
import { planWithVhdup } from '../contestants/vhdup.js';
import { atMost } from '../goals.js';
import { MIB } from '../inputs/input.js';
import { rowOf, type Findings, type Sample } from '../results.js';
import { toSink } from '../sink-runs.js';

/** Goal 7: the plan of a chain of five layers with 200,000 blocks. */
export async function planning(bench: Bench): Promise<Findings> {
  const path = await bench.inputs.metadataOnly();
  const samples: Sample[] = [];
  for (let round = 0; round < bench.rounds; round++) {
    bench.say(`planning, round ${round + 1}`);
    samples.push(
      (
        await toSink(bench, async (uri) => {
          const planned = await planWithVhdup(bench, path, ['--to', uri]);
          if (planned.plan.totals.send < 100 * 1024 * MIB)
            throw new Error(`the plan of ${path} sends only ${planned.plan.totals.send} bytes`);
          return planned;
        })
      ).sample,
    );
  }
  const row = rowOf(
    { group: 'planning', input: '2040 GiB, 5 layers, 200,000 blocks', server: 'sink', contestant: 'vhdup --dry-run' },
    samples,
  );
  return {
    rows: [row],
    goals: [
      atMost(3, { number: 7, what: 'wall', unit: 's', reached: row.wallMs / 1000 }),
      atMost(250, { number: 7, what: 'peak RSS', unit: 'MiB', reached: row.rss / MIB }),
    ],
  };
}
