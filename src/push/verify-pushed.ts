import { VhdupError } from '../errors.js';
import { withState } from '../protocol/push-record.js';
import type { Conditions } from '../azure/conditions.js';
import type { Disk } from '../disk/disk.js';
import { changedBy } from '../plan/push-plan.js';
import { intersect, rangeSet, subtract, totalLength, union, type RangeSet } from '../bytes/range.js';
import { dataRanges } from '../content/data-ranges.js';
import type { Session } from '../session/session.js';
import { compare } from '../content/compare.js';
import { present } from '../protocol/present.js';
import type { Preparation } from './prepare.js';
import { repair } from './repair.js';

/** Of what is at the destination: what this push wrote and cleared, or all. */
export type VerifyScope = 'sent' | 'all';

/** A `vhdup_times` that fits no files, so the next run compares. */
const NO_TIMES = 'repairing';

/** What to compare, and what to do about it. */
export interface Verification {
  readonly scope: VerifyScope;
  /** Besides the plan's ranges: gaps that were sent again, or may have been. */
  readonly gaps: RangeSet;
  readonly conditions: Conditions;
  /** Whether what differs in what this push has written or cleared is repaired, so that the next run sends it again. */
  readonly mends: boolean;
}

/** Fetches what is at the destination and compares it with the disk. Throws `content-differs`. */
export async function verifyPushed(
  session: Session,
  disk: Disk,
  preparation: Preparation,
  { scope, gaps, conditions, mends }: Verification,
): Promise<void> {
  const { destination, plan } = preparation;
  const pages = rangeSet(await destination.pageRanges(conditions));
  const within = [{ offset: 0, length: disk.size }];
  const own = intersect(union(changedBy(plan), gaps), within);
  const ranges = scope === 'sent' ? own : intersect(rangeSet([...(await dataRanges(disk)), ...pages]), within);
  const { differences } = await compare(session, {
    disk,
    blob: destination,
    ranges,
    pages,
    conditions,
    phase: 'verify',
  });
  const [first] = differences;
  if (!first) return;
  const isOwn = subtract(differences, own).length === 0;
  if (mends) await repairSafely(preparation, intersect(differences, own), conditions);
  throw new VhdupError(
    'content-differs',
    `${destination.uri}: ${totalLength(differences)} bytes differ from the disk, the first at offset ${first.offset}`,
    {
      hint: !mends
        ? 'somebody wrote to the finished blob: delete it, then push it anew'
        : isOwn
          ? 'run the same command again: what differs was removed, and is sent anew'
          : "the service's copy of the base is not what the local ancestor has: push without --base, or over another base",
    },
  );
}

/** Repairs ranges. If this is interrupted, the next run compares what was written, with `verify` or without. */
async function repairSafely(preparation: Preparation, ranges: RangeSet, conditions: Conditions): Promise<void> {
  if (ranges.length === 0) return;
  const { destination, identity } = preparation;
  const { metadata } = await present(destination);
  await destination.setMetadata(withState(metadata, { ...identity, state: 'writing', times: NO_TIMES }), conditions);
  await repair(preparation, ranges, conditions);
  await destination.setMetadata(withState(metadata, { ...identity, state: 'writing' }), conditions);
}
