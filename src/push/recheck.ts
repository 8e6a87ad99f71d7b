import { stateOf, withState } from '../blob/metadata.js';
import type { BlobProperties, Conditions } from '../blob/page-blob.js';
import type { Disk } from '../disk/disk.js';
import { MAX_WRITE } from '../plan/push-plan.js';
import { intersect, rangeSet, subtract, totalLength, type RangeSet } from '../plan/range.js';
import { dataRanges } from '../session/data-ranges.js';
import { READ_AHEAD, passOver } from '../session/disk-pass.js';
import type { Session } from '../session/session.js';
import { compare } from '../verify/compare.js';
import type { Preparation } from './prepare.js';
import { Upload, compareWritten } from './transfer.js';

/**
 * Returns true if it costs less to copy the base again than to compare a blob whose content is not proved. Copying again means
 * to send again what was written; comparing means to fetch all that was copied and written.
 */
export async function isCheaperToCopyAgain({ destination, base, plan }: Preparation, found: BlobProperties, conditions: Conditions): Promise<boolean> {
  if (!base) return false;
  if (stateOf(found.metadata)?.state === 'clearing') return true;
  const written = totalLength(intersect(plan.write, rangeSet(await destination.pageRanges(conditions))));
  return totalLength(rangeSet(await base.blob.pageRanges({ ifMatch: base.properties.etag }))) >= written;
}

/**
 * Compares all content of a blob in state `writing` with the disk, because others may have written to it while no lease was
 * held. Clears what differs in a range to write, so that it counts as not written; mends it elsewhere. Every step may be
 * repeated.
 */
export async function recheckAll(session: Session, disk: Disk, { destination, base, plan, identity }: Preparation, { found, conditions }: Recheck): Promise<void> {
  if (found.size !== plan.size) await destination.resize(plan.size, conditions);
  await destination.clear(plan.footer, conditions);
  const pages = rangeSet(await destination.pageRanges(conditions));
  if (pages.length > 0) session.note('others may have written to the blob meanwhile: what is there is compared with the disk first');
  await compareWritten(session, disk, destination, intersect(plan.write, pages), conditions);
  const within = [{ offset: 0, length: disk.size }];
  if (base) {
    const elsewhere = subtract(intersect(rangeSet([...await dataRanges(disk), ...pages]), within), plan.write);
    const { differences } = await compare(session, { disk, blob: destination, ranges: elsewhere, pages, conditions, phase: 'compare-written' });
    await repair(session, disk, { destination, plan }, { ranges: differences, conditions });
  } else {
    for (const range of subtract(intersect(pages, within), plan.write)) await destination.clear(range, conditions);
  }
  await destination.setMetadata(withState(found.metadata, { ...identity, state: 'writing' }), conditions);
}

/** A blob under a lease: its properties, and the conditions of every request. */
export interface Recheck {
  readonly found: BlobProperties;
  readonly conditions: Conditions;
}

async function repair(session: Session, disk: Disk, { destination, plan }: Pick<Preparation, 'destination' | 'plan'>, { ranges, conditions }: { ranges: RangeSet; conditions: Conditions }): Promise<void> {
  for (const range of ranges) await destination.clear(range, conditions);
  const lanes = session.traffic.lanes(MAX_WRITE);
  await using upload = new Upload(session, destination, ranges, plan.gap, conditions, lanes);
  await passOver(session, disk, [upload], () => lanes.count + READ_AHEAD);
}

/**
 * Compares the pages that this push has written with the disk if the times of its files have changed since: a sector may have
 * been changed in place. Without its footer, the blob is no disk meanwhile.
 */
export async function recheckWritten(session: Session, disk: Disk, { destination, plan, identity }: Preparation, { found, conditions }: Recheck): Promise<void> {
  if (stateOf(found.metadata)?.times === identity.times) return;
  session.note('the files of the disk have other times than when this push began: what was sent is compared first');
  await destination.clear(plan.footer, conditions);
  const written = intersect(plan.write, rangeSet(await destination.pageRanges(conditions)));
  await compareWritten(session, disk, destination, written, conditions);
  await destination.setMetadata(withState(found.metadata, { ...identity, state: 'writing' }), conditions);
}
