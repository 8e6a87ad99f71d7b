import type { Bench } from '../../bench.js';
import { readFiles } from '../../contestants/reads.js';
import { sha256OfRanges } from '../../contestants/sha256.js';
import { pushWithVhdup } from '../../contestants/vhdup.js';
import { atMost, ratio } from '../../goals.js';
import { CONVERSIONS, converted } from '../../inputs/converted.js';
import type { Input } from '../../inputs/input.js';
import { allocatedIn } from '../../leaves.js';
import { rowOf, type Findings, type Goal, type Row, type Sample } from '../../results.js';
import { startAzuriteTarget } from '../../servers/target.js';
import { GROUP, planOver } from './over-base.js';

const PLAN = 'vhdup --base --dry-run';
const SHA256 = 'SHA-256 of the allocated bytes, all cores';

/** Goal 19: the comparison with a list of leaves, over what it cannot do without. The page cache is warm. */
export async function rebuiltComparison(bench: Bench): Promise<Findings> {
  const [, , base, disk] = (await bench.inputs.versions())['changed in place'];
  if (!base || !disk) throw new Error('there are too few versions');
  const azurite = await startAzuriteTarget(bench.folder);
  const rows: Row[] = [];
  const goals: Goal[] = [];
  try {
    bench.say('comparison: the base');
    const uris = { base: azurite.uri('base'), to: azurite.uri('planned') };
    await pushWithVhdup(bench, base.path, ['--to', uris.base]);
    for (const input of [disk, await converted(disk, CONVERSIONS.qcow2)]) {
      const [plans, hashes] = await contest(bench, input, uris);
      rows.push(plans, hashes);
      goals.push(
        atMost(1.2, {
          number: 19,
          what: `${input.name}: comparison, over SHA-256 of the allocated bytes`,
          reached: ratio(plans.wallMs, hashes.wallMs),
        }),
      );
    }
  } finally {
    await azurite.stop();
  }
  return { rows, goals };
}

async function contest(bench: Bench, input: Input, uris: { readonly base: string; readonly to: string }) {
  const samples = { plan: [] as Sample[], hash: [] as Sample[] };
  // What is allocated is the same in the raw image, whose bytes anybody can hash where they are.
  const ranges = await allocatedIn(input.flat, 'raw');
  for (let round = 0; round < bench.rounds; round++) {
    bench.say(`comparison of ${input.name}, round ${round + 1}`);
    await readFiles(bench, [input.path, input.flat]);
    samples.plan.push(costOf(await planOver(bench, input, uris)));
    samples.hash.push(costOf(await sha256OfRanges(bench, input.flat, ranges)));
  }
  const row = (server: string, contestant: string, own: readonly Sample[]) =>
    rowOf({ group: GROUP, input: input.name, server, contestant }, own);
  return [row('Azurite', PLAN, samples.plan), row('', SHA256, samples.hash)] as const;
}

function costOf({ wallMs, cpuMs, rss }: Sample): Sample {
  return { wallMs, cpuMs, rss };
}
