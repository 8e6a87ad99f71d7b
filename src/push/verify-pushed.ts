import { VhdupError } from '../errors.js';
import type { Conditions } from '../blob/page-blob.js';
import type { Disk } from '../disk/disk.js';
import { intersect, rangeSet, subtract, totalLength, type RangeSet } from '../plan/range.js';
import { dataRanges } from '../session/data-ranges.js';
import type { Session } from '../session/session.js';
import { compare } from '../verify/compare.js';
import type { Preparation } from './prepare.js';

/** Of what is at the destination: what this push wrote and cleared, or all. */
export type VerifyScope = 'sent' | 'all';

/**
 * Fetches what stands at the destination and compares it with the disk. Throws `content-differs`; what this push itself
 * should have made so is cleared before that where `mend` says so, and the next run sends it again.
 */
export async function verifyPushed(session: Session, disk: Disk, { destination, plan }: Preparation, scope: VerifyScope, conditions: Conditions, mend: boolean): Promise<void> {
  const pages = rangeSet(await destination.pageRanges(conditions));
  const own = intersect(rangeSet([...plan.write, ...plan.clear]), [{ offset: 0, length: disk.size }]);
  const ranges: RangeSet = scope === 'sent' ? own : intersect(rangeSet([...await dataRanges(disk), ...pages]), [{ offset: 0, length: disk.size }]);
  const { differences } = await compare(session, { disk, blob: destination, ranges, pages, conditions, phase: 'verify' });
  const [first] = differences;
  if (!first) return;
  const isOwn = subtract(differences, own).length === 0;
  if (mend) for (const range of intersect(differences, own)) await destination.clear(range, conditions);
  throw new VhdupError('content-differs', `${destination.uri}: ${totalLength(differences)} bytes differ from the disk, the first at offset ${first.offset}`, {
    hint: !mend ? 'somebody wrote to the finished blob: delete it, then push it anew'
      : isOwn ? 'run the same command again: what differs was cleared, and is sent anew'
      : 'the service\'s copy of the base is not what the local ancestor has: push without --base, or over another base',
  });
}
