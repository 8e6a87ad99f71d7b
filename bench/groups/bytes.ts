import type { Bench } from '../bench.js';
import { nonZeroBytes } from '../content.js';
import { atMost } from '../goals.js';
import { rowOf, type Findings, type Goal, type Row } from '../results.js';
import { pushToSink } from '../sink-runs.js';

/** Goal 3: what is sent, over what is not zero. */
export async function bytes(bench: Bench): Promise<Findings> {
  const { inputs } = bench;
  const rows: Row[] = [];
  const goals: Goal[] = [];
  for (const make of [inputs.scattered, inputs.large, inputs.root, inputs.sparse]) {
    const input = await make().catch((error: unknown) => {
      bench.say(`left out: ${String(error)}`);
    });
    if (!input) continue;
    bench.say(`bytes of ${input.name}`);
    const { sample, report } = await pushToSink(bench, input.path, ['--no-md5']);
    rows.push(rowOf({ group: 'bytes', input: input.name, server: 'sink', contestant: 'vhdup --no-md5' }, [sample]));
    goals.push(
      atMost(1.02, {
        number: 3,
        what: `${input.name}: bytes sent over bytes in non-zero sectors`,
        reached: report.bytes / (await nonZeroBytes(input)),
      }),
    );
  }
  return { rows, goals };
}
