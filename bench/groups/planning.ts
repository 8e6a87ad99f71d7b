import type { Bench } from '../bench.js';
import { planWithVhdup } from '../contestants/vhdup.js';
import { atMost } from '../goals.js';
import { MIB } from '../inputs/input.js';
import { rowOf, type Findings, type Row, type Sample } from '../results.js';
import { toSink } from '../sink-runs.js';

/** Goals 7 and 15: the plan of a chain of five layers with 200,000 blocks, and of a QCOW2 image with 1,000,000 clusters. */
export async function planning(bench: Bench): Promise<Findings> {
  const { inputs } = bench;
  const chain = await planOf(bench, '2040 GiB, 5 layers, 200,000 blocks', await inputs.metadataOnly());
  const clusters = await planOf(bench, '2 TiB, qcow2, 1,000,000 clusters', await inputs.manyClusters());
  return {
    rows: [chain, clusters],
    goals: [
      atMost(3, { number: 7, what: 'wall', unit: 's', reached: chain.wallMs / 1000 }),
      atMost(250, { number: 7, what: 'peak RSS', unit: 'MiB', reached: chain.rss / MIB }),
      atMost(3, { number: 15, what: 'wall', unit: 's', reached: clusters.wallMs / 1000 }),
      atMost(300, { number: 15, what: 'peak RSS', unit: 'MiB', reached: clusters.rss / MIB }),
    ],
  };
}

async function planOf(bench: Bench, input: string, path: string): Promise<Row> {
  const samples: Sample[] = [];
  for (let round = 0; round < bench.rounds; round++) {
    bench.say(`planning ${input}, round ${round + 1}`);
    samples.push(
      (
        await toSink(bench, async (uri) => {
          const planned = await planWithVhdup(bench, path, ['--to', uri]);
          if (planned.plan.totals.send < 50 * 1024 * MIB)
            throw new Error(`the plan of ${path} sends only ${planned.plan.totals.send} bytes`);
          return planned;
        })
      ).sample,
    );
  }
  return rowOf({ group: 'planning', input, server: 'sink', contestant: 'vhdup --dry-run' }, samples);
}
