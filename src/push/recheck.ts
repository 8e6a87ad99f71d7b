import { compare } from '../content/compare.js';
import { dataRanges } from '../content/data-ranges.js';
import type { DestinationSnapshot, DestinationWriter } from '../destination/destination.js';
import { gapsOf } from '../plan/push-plan.js';
import type { PushRecord } from '../protocol/push-record.js';
import { intersect, rangeSet, subtract, totalLength, union, type RangeSet } from '../bytes/range.js';
import type { PreparedPush } from './context.js';
import { repair } from './repair.js';

/**
 * Returns true if it costs less to copy the base again than to compare a destination whose content is not proved. Copying again
 * means to send again what was written; comparing means to fetch all that was copied and written.
 */
export async function isCheaperToCopyAgain(
  { base, plan }: PreparedPush,
  writer: DestinationWriter,
  { state }: PushRecord,
): Promise<boolean> {
  if (!base) return false;
  if (state === 'clearing') return true;
  const written = totalLength(intersect(plan.write, await writer.pageRanges()));
  return totalLength(rangeSet(await base.blob.pageRanges({ ifMatch: base.properties.etag }))) >= written;
}

/**
 * Compares all content of a destination in state `writing` with the disk, because others may have written to it while no lease
 * was held, and repairs what differs. Each step may be repeated after a crash.
 */
export async function recheckAll(
  push: PreparedPush,
  writer: DestinationWriter,
  seen: DestinationSnapshot,
): Promise<void> {
  const { session, disk, base, plan, identity } = push;
  if (seen.size !== plan.size) await writer.resize(plan.size);
  await writer.clear(plan.footer);
  const pages = await writer.pageRanges();
  if (pages.length > 0)
    session.note('others may have written to the blob meanwhile: what is there is compared with the disk first');
  const within = [{ offset: 0, length: disk.size }];
  const elsewhere = subtract(
    intersect(rangeSet([...(base ? await dataRanges(disk) : []), ...pages]), within),
    plan.write,
  );
  await compareAndRepair(push, writer, { ranges: union(intersect(plan.write, pages), elsewhere), pages });
  await writer.saveRecord(seen, { ...identity, state: 'writing' });
}

/**
 * Compares what this push has written with the disk if the times of its files have changed since: a sector may have been changed
 * in place. The footer is cleared first, so the blob is no disk meanwhile.
 */
export async function recheckWritten(
  push: PreparedPush,
  writer: DestinationWriter,
  seen: DestinationSnapshot,
): Promise<void> {
  const { session, plan, identity } = push;
  await writer.clear(plan.footer);
  if (seen.verdict.record?.times === identity.times) return;
  session.note('the times of the files changed since this push began: what was sent is compared first');
  const pages = await writer.pageRanges();
  await compareAndRepair(push, writer, { ranges: union(intersect(plan.write, pages), gapsOf(plan)), pages });
  await writer.saveRecord(seen, { ...identity, state: 'writing' });
}

/** The ranges to compare, and the pages that the destination has. */
interface Compared {
  readonly ranges: RangeSet;
  readonly pages: RangeSet;
}

async function compareAndRepair(push: PreparedPush, writer: DestinationWriter, compared: Compared): Promise<void> {
  const { session, disk } = push;
  const { differences } = await compare(session, { disk, blob: writer, ...compared, phase: 'compare-written' });
  await repair(push, writer, differences);
}
