import { formatSize } from '../bytes/format-size.js';
import { VhdupError } from '../errors.js';
import { intersect, rangeSet, subtract, totalLength, union, type RangeSet } from '../bytes/range.js';
import { compare } from '../content/compare.js';
import { dataRanges } from '../content/data-ranges.js';
import type { DestinationContent, DestinationWriter } from '../destination/destination.js';
import { changedBy } from '../plan/push-plan.js';
import type { PreparedPush } from './context.js';
import type { VerifyScope } from './options.js';
import { repair } from './repair.js';
import { option } from '../option-names.js';

/** A `vhdup_times` that fits no files, so the next run compares. */
const NO_TIMES = 'repairing';

/** What to compare, and what to do about it. */
export interface Verification {
  readonly scope: VerifyScope;
  /** Besides the plan's ranges: gaps that were sent, or may have been. */
  readonly gaps: RangeSet;
  /** The destination under the lease, or as it was seen. */
  readonly content: DestinationContent;
  /** If given, what differs in what this push has written or cleared is repaired, so that the next run sends it again. */
  readonly repairBy: DestinationWriter | undefined;
}

/** Fetches what is at the destination and compares it with the disk. Throws `content-differs`. */
export async function verifyPushed(
  push: PreparedPush,
  { scope, gaps, content, repairBy }: Verification,
): Promise<void> {
  const { session, disk, destination, plan } = push;
  const pages = await content.pageRanges();
  const within = [{ offset: 0, length: disk.size }];
  const own = intersect(union(changedBy(plan), gaps), within);
  const ranges = scope === 'sent' ? own : intersect(rangeSet([...(await dataRanges(disk)), ...pages]), within);
  const { differences } = await compare(session, { disk, blob: content, ranges, pages, phase: 'verify' });
  const [first] = differences;
  if (!first) return;
  const isOwn = subtract(differences, own).length === 0;
  if (repairBy) await repairSafely(push, repairBy, intersect(differences, own));
  throw new VhdupError(
    'content-differs',
    `${destination.uri}: ${formatSize(totalLength(differences))} differ from the disk, the first at offset ${first.offset}`,
    {
      hint: !repairBy
        ? 'another client wrote to the finished blob: delete it, then push it again'
        : isOwn
          ? 'run the same command again: what differs was removed, and is sent again'
          : `the service's copy of the base differs from the local ancestor: push without ${option('base')}, or over another base`,
    },
  );
}

/** Repairs ranges. If this is interrupted, the next run compares what was written, with `verify` or without. */
async function repairSafely(push: PreparedPush, writer: DestinationWriter, ranges: RangeSet): Promise<void> {
  if (ranges.length === 0) return;
  const seen = await writer.inspect();
  await writer.saveRecord(seen, { ...push.identity, state: 'writing', times: NO_TIMES });
  await repair(push, writer, ranges);
  await writer.saveRecord(seen, { ...push.identity, state: 'writing' });
}
