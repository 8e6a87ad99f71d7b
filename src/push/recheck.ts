import { stateOf, withState } from '../protocol/push-record.js';
import type { BlobProperties } from '../azure/blob-properties.js';
import type { Conditions } from '../azure/conditions.js';
import type { Disk } from '../disk/disk.js';
import { gapsOf } from '../plan/push-plan.js';
import { intersect, rangeSet, subtract, totalLength, union, type RangeSet } from '../bytes/range.js';
import { dataRanges } from '../content/data-ranges.js';
import type { Session } from '../session/session.js';
import { compare } from '../content/compare.js';
import type { Preparation } from './prepare.js';
import { repair } from './repair.js';

/**
 * Returns true if it costs less to copy the base again than to compare a blob whose content is not proved. Copying again means
 * to send again what was written; comparing means to fetch all that was copied and written.
 */
export async function isCheaperToCopyAgain(
  { destination, base, plan }: Preparation,
  found: BlobProperties,
  conditions: Conditions,
): Promise<boolean> {
  if (!base) return false;
  if (stateOf(found.metadata)?.state === 'clearing') return true;
  const written = totalLength(intersect(plan.write, rangeSet(await destination.pageRanges(conditions))));
  return totalLength(rangeSet(await base.blob.pageRanges({ ifMatch: base.properties.etag }))) >= written;
}

/**
 * Compares all content of a blob in state `writing` with the disk, because others may have written to it while no lease was
 * held, and repairs what differs. Every step may be repeated.
 */
export async function recheckAll(
  session: Session,
  disk: Disk,
  preparation: Preparation,
  { found, conditions }: Recheck,
): Promise<void> {
  const { destination, base, plan, identity } = preparation;
  if (found.size !== plan.size) await destination.resize(plan.size, conditions);
  await destination.clear(plan.footer, conditions);
  const pages = rangeSet(await destination.pageRanges(conditions));
  if (pages.length > 0)
    session.note('others may have written to the blob meanwhile: what is there is compared with the disk first');
  const within = [{ offset: 0, length: disk.size }];
  const elsewhere = subtract(
    intersect(rangeSet([...(base ? await dataRanges(disk) : []), ...pages]), within),
    plan.write,
  );
  await compareAndRepair(session, disk, preparation, {
    ranges: union(intersect(plan.write, pages), elsewhere),
    pages,
    conditions,
  });
  await destination.setMetadata(withState(found.metadata, { ...identity, state: 'writing' }), conditions);
}

/** A blob under a lease: its properties, and the conditions of every request. */
export interface Recheck {
  readonly found: BlobProperties;
  readonly conditions: Conditions;
}

/**
 * Compares what this push has written with the disk if the times of its files have changed since: a sector may have
 * been changed in place. Without its footer, the blob is no disk meanwhile.
 */
export async function recheckWritten(
  session: Session,
  disk: Disk,
  preparation: Preparation,
  { found, conditions }: Recheck,
): Promise<void> {
  const { destination, plan, identity } = preparation;
  await destination.clear(plan.footer, conditions);
  if (stateOf(found.metadata)?.times === identity.times) return;
  session.note('the files of the disk have other times than when this push began: what was sent is compared first');
  const pages = rangeSet(await destination.pageRanges(conditions));
  await compareAndRepair(session, disk, preparation, {
    ranges: union(intersect(plan.write, pages), gapsOf(plan)),
    pages,
    conditions,
  });
  await destination.setMetadata(withState(found.metadata, { ...identity, state: 'writing' }), conditions);
}

/** The ranges to compare, and the pages that the blob has. */
interface Stretches {
  readonly ranges: RangeSet;
  readonly pages: RangeSet;
  readonly conditions: Conditions;
}

async function compareAndRepair(
  session: Session,
  disk: Disk,
  preparation: Preparation,
  stretches: Stretches,
): Promise<void> {
  const { differences } = await compare(session, {
    disk,
    blob: preparation.destination,
    ...stretches,
    phase: 'compare-written',
  });
  await repair(preparation, differences, stretches.conditions);
}
