import type { Bench } from '../../bench.js';
import { planWithVhdup, pushWithVhdup, type Planned, type Pushed } from '../../contestants/vhdup.js';
import type { Input } from '../../inputs/input.js';
import type { LeafTotals } from '../../leaves.js';
import type { Run } from '../../measure.js';

export const GROUP = 'rebuilt';

/** The blob with the list of leaves of another blob. */
export function leavesOf(blob: string): string {
  return `${blob}.vhdup-leaves`;
}

/** Pushes a disk over a base that is not its parent. Throws unless the two were compared by their leaves. */
export async function pushOver(
  bench: Bench,
  { path }: Pick<Input, 'path'>,
  { base, to }: { readonly base: string; readonly to: string },
  flags: readonly string[] = [],
): Promise<Run & { readonly result: Pushed }> {
  const run = await pushWithVhdup(bench, path, ['--base', base, '--to', to, ...flags]);
  const { base: used } = run.result;
  if (used?.check !== 'leaves') throw new Error(`${path} was not compared by its leaves: ${used?.check ?? 'no base'}`);
  return run;
}

/** Plans the same. */
export async function planOver(
  bench: Bench,
  { path }: Pick<Input, 'path'>,
  { base, to }: { readonly base: string; readonly to: string },
): Promise<Run & { readonly plan: Planned; readonly leaves: LeafTotals }> {
  const run = await planWithVhdup(bench, path, ['--base', base, '--to', to]);
  if (!run.plan.leaves) throw new Error(`the plan of ${path} does not tell of leaves`);
  return { ...run, leaves: run.plan.leaves };
}
