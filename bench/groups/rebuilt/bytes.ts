import type { Bench } from '../../bench.js';
import { checkBlob } from '../../content.js';
import { pushWithVhdup } from '../../contestants/vhdup.js';
import { atMost } from '../../goals.js';
import { MIB, totalOf, type Input } from '../../inputs/input.js';
import type { Origin } from '../../inputs/root-versions.js';
import { allocatedIn, differenceOf, type Difference } from '../../leaves.js';
import { rowOf, type Findings, type Goal, type Row } from '../../results.js';
import { startCountedTarget, type CountedTarget } from '../../servers/counted.js';
import { GROUP, leavesOf, planOver, pushOver } from './over-base.js';

const ORIGINS: readonly Origin[] = ['changed in place', 'rebuilt', 'rebuilt with other ids'];

/**
 * Otherwise short runs of zeros within changed leaves are sent too, which only saves requests. A disk that was rebuilt has so many of
 * them that this takes too long, so the goal is that of the others.
 */
const NO_GAPS = ['--gap', '0B'];

/** A push of one version over the one before. */
interface Step {
  readonly bench: Bench;
  readonly target: CountedTarget;
  readonly input: Input;
  readonly difference: Difference;
  readonly flags: readonly string[];
  /** Names of the blobs. */
  readonly base: string;
  readonly blob: string;
}

/** Goal 17: what is sent, over what an independent comparison finds. Goal 20: how large the lists of leaves are. */
export async function rebuiltBytes(bench: Bench): Promise<Findings> {
  const versions = await bench.inputs.versions();
  const rows: Row[] = [];
  const goals: Goal[] = [];
  for (const origin of ORIGINS) {
    const target = await startCountedTarget();
    const flags = origin === 'changed in place' ? NO_GAPS : [];
    try {
      const [first, ...others] = versions[origin];
      if (!first) continue;
      bench.say(`bytes, ${origin}: the first version`);
      await pushWithVhdup(bench, first.path, ['--to', target.uri('v1')]);
      goals.push(await listGoal(target, first, 'v1'));
      let before = { input: first, blob: 'v1' };
      for (const [index, input] of others.entries()) {
        const blob = `v${index + 2}`;
        const difference = await differenceOf(before.input, input);
        for (const copies of [true, false]) {
          target.copiesRanges = copies;
          const to = copies ? `${blob}-copies` : blob;
          const found = await pushStep({ bench, target, input, difference, flags, base: before.blob, blob: to });
          rows.push(...found.rows);
          goals.push(...found.goals);
        }
        before = { input, blob };
      }
    } finally {
      await target.stop();
    }
  }
  return { rows, goals };
}

async function pushStep({ bench, target, input, difference, flags, base, blob }: Step): Promise<Findings> {
  const server = target.copiesRanges ? 'Azurite, copies ranges' : 'Azurite';
  bench.say(`bytes, ${input.name}, ${server}`);
  const uris = { base: target.uri(base), to: target.uri(blob) };
  const { leaves } = await planOver(bench, input, uris);
  target.reset();
  const { result, wallMs, cpuMs, rss } = await pushOver(bench, input, uris, flags);
  const sample = { wallMs, cpuMs, rss, bytes: result.sent, requests: target.requests };
  await checkBlob(target.container, blob, input);
  const { changed, movedOrChanged } = difference.sectors;
  const wanted = target.copiesRanges ? changed : movedOrChanged;
  const counted = difference.leaves;
  const note = [
    `gaps ${mib(result.gaps)} MiB`,
    `changed ${mib(leaves.changed)} of ${mib(counted.changed)} MiB in leaves`,
    `moved ${mib(leaves.moved)} of ${mib(counted.moved)} MiB`,
  ].join(', ');
  return {
    rows: [
      rowOf({ group: GROUP, input: input.name, server, contestant: ['vhdup --base', ...flags].join(' ') }, [sample]),
    ],
    goals: flags === NO_GAPS ? [goalOf(target, input, { sent: result.sent - result.gaps, wanted, note })] : [],
  };
}

function goalOf(
  { copiesRanges }: CountedTarget,
  { name }: Input,
  { sent, wanted, note }: { readonly sent: number; readonly wanted: number; readonly note: string },
): Goal {
  const leaves = copiesRanges ? 'leaves that are nowhere in the base' : 'changed leaves';
  const server = copiesRanges ? 'Azurite, copies ranges' : 'Azurite';
  const what = `${name}, ${server}: bytes sent without gaps, over non-zero sectors of ${leaves}`;
  return atMost(1.02, { number: 17, what, reached: sent / wanted, note });
}

async function listGoal({ container }: CountedTarget, input: Input, blob: string): Promise<Goal> {
  const { contentLength = 0 } = await container.getBlobClient(leavesOf(blob)).getProperties();
  return atMost(0.06, {
    number: 20,
    what: `${input.name}: list of leaves, over allocated bytes`,
    unit: '%',
    reached: (contentLength / totalOf(await allocatedIn(input.path, 'raw'))) * 100,
  });
}

function mib(bytes: number): string {
  return (bytes / MIB).toFixed(1);
}
