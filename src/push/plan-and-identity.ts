import type { Disk } from '../disk/disk.js';
import { PushPlanner, type PushPlan } from '../plan/push-plan.js';
import { totalLength } from '../bytes/range.js';
import { thisHolder } from '../protocol/holder.js';
import type { PushIdentity } from '../protocol/push-record.js';
import { isOverUncheckedBase, type Base } from './base.js';
import type { PushContext } from './context.js';
import { fingerprintOf } from './fingerprint.js';

/** What a push does, and what the push record says of it while it runs. */
export interface PlanAndIdentity {
  readonly plan: PushPlan;
  readonly identity: PushIdentity;
}

/** Makes the plan for a disk over a base, from the state of the files that the guard has taken. */
export async function planAndIdentify(
  { guard, disk, options }: Pick<PushContext, 'guard' | 'disk' | 'options'>,
  base: Base | undefined,
): Promise<PlanAndIdentity> {
  const plan = await planOf(disk, base, options.gap);
  const identity = {
    fingerprint: fingerprintOf(guard.structure, base && [base.id, base.properties.etag, base.check], plan),
    times: guard.times,
    id: disk.id,
    parentId: disk.layers[0]?.parentId,
    base: base && { uri: base.blob.uri, etag: base.properties.etag, id: base.id, check: base.check },
    holder: thisHolder(),
    toWrite: totalLength(plan.write),
  };
  return { plan, identity };
}

async function planOf(disk: Disk, base: Base | undefined, gap: number | undefined): Promise<PushPlan> {
  const isContentChecked = base && base.check !== 'id' && !isOverUncheckedBase(base);
  const planner = new PushPlanner({
    size: disk.size,
    base: base && { blobSize: base.properties.size, isContentChecked: isContentChecked === true },
    gap,
  });
  for await (const stretch of disk.extentBatches(base ? { above: base.layer } : {})) {
    for (const extent of stretch) planner.add(extent);
  }
  return planner.plan();
}
