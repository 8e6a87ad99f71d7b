import { VhdupError } from '../errors.js';
import { totalLength } from '../bytes/range.js';
import { layerChanges, leafChanges, type ChangeSource } from '../content/change-source.js';
import { compareLeaves, type LeafComparison } from '../content/compare-leaves.js';
import type { LeafSource } from '../content/digest-computation.js';
import type { DiskDigests } from '../content/disk-digests.js';
import { PushPlanner, type PlanTarget, type PushPlan } from '../plan/push-plan.js';
import { thisHolder } from '../protocol/holder.js';
import { isOverUncheckedBase, type PushIdentity } from '../protocol/push-record.js';
import type { Base, LeavesBase } from './base.js';
import { setsContentMd5 } from './content-md5.js';
import type { PushContext } from './context.js';
import { fingerprintOf } from './fingerprint.js';

/** What a push does, and what the push record says of it while it runs. */
export interface PlanAndIdentity {
  readonly plan: PushPlan;
  readonly identity: PushIdentity;
  /** How the disk differs from a base that is compared by leaves. */
  readonly comparison: LeafComparison | undefined;
}

type PlanContext = Pick<PushContext, 'session' | 'guard' | 'disk' | 'stream' | 'options' | 'isDryRun'>;

/** Makes the plan for a disk over a base, from the state of the files that the guard has taken. */
export async function planAndIdentify(
  context: PlanContext,
  base: Base | undefined,
  digests: DiskDigests,
): Promise<PlanAndIdentity> {
  const { guard, disk, options } = context;
  const compared = base?.check === 'leaves' ? await compareWith(context, base, digests) : undefined;
  const plan = await planOf(
    { size: disk.size, base: base && plannedBaseOf(base), gap: options.gap },
    compared
      ? leafChanges(disk.size, compared.comparison)
      : layerChanges(disk, base?.check === 'leaves' ? undefined : base?.layer),
  );
  const basis = base && [base.id ?? '', base.properties.etag, base.check, ...(compared ? [compared.tree] : [])];
  const identity = {
    fingerprint: fingerprintOf(guard.structure, basis, plan),
    times: guard.times,
    id: disk.id,
    parentId: disk.layers[0]?.parentId,
    base: base && {
      uri: base.blob.uri,
      etag: base.properties.etag,
      id: base.id,
      check: isUnchecked(base) ? ('id' as const) : base.check,
    },
    holder: thisHolder(),
    toWrite: totalLength(plan.write),
  };
  return { plan, identity, comparison: compared?.comparison };
}

/** A comparison, and the tree digest of the disk that was compared, in hexadecimal. */
interface Compared {
  readonly comparison: LeafComparison;
  readonly tree: string;
}

async function compareWith(
  context: PlanContext,
  { leaves: theirs }: LeavesBase,
  digests: DiskDigests,
): Promise<Compared> {
  const { session } = context;
  const { tree, leaves } = await ownLeaves(context, digests);
  const comparison = await compareLeaves(leaves, theirs, () => {
    session.throwIfStopped();
  });
  return { comparison, tree: tree.toString('hex') };
}

/** Returns the leaves of the disk, and its tree digest. They are computed once. */
export async function ownLeaves(
  { disk, stream, options, isDryRun }: Pick<PushContext, 'disk' | 'stream' | 'options' | 'isDryRun'>,
  digests: DiskDigests,
): Promise<{ readonly tree: Buffer; readonly leaves: LeafSource }> {
  // The disk is read here in any case, so an MD5 that is set in any case is computed in the same scan.
  const request = { tree: true, md5: !isDryRun && setsContentMd5(disk, options) ? stream : undefined };
  const { tree, leaves } = await digests.of(0, request, 'compare-leaves');
  if (!tree || !leaves) throw new VhdupError('unexpected', 'the leaves of the disk were not kept');
  return { tree, leaves };
}

/** Returns true if the content of the blob that this push makes is known only by the id of a base. */
function isUnchecked({ check, verdict: { record } }: Base): boolean {
  return check !== 'leaves' && (check === 'id' || (record !== undefined && isOverUncheckedBase(record)));
}

function plannedBaseOf(base: Base): PlanTarget['base'] {
  return { blobSize: base.properties.size, isContentChecked: !isUnchecked(base) };
}

async function planOf(target: PlanTarget, source: ChangeSource): Promise<PushPlan> {
  const planner = new PushPlanner(target);
  for await (const batch of source.changes()) {
    for (const extent of batch) planner.add(extent);
  }
  return planner.plan();
}
