import { stateOf, withState } from '../blob/metadata.js';
import type { BlobProperties, Conditions, PageBlob } from '../blob/page-blob.js';
import type { Disk } from '../disk/disk.js';
import { md5 } from '../digest/md5.js';
import { nonZeroRanges } from '../plan/non-zero.js';
import { MAX_WRITE, PAGE, type PushPlan } from '../plan/push-plan.js';
import { intersect, rangeSet, splitAt, subtract, totalLength, type Range, type RangeSet } from '../plan/range.js';
import { dataRanges } from '../session/data-ranges.js';
import type { Session } from '../session/session.js';
import { compare } from '../verify/compare.js';
import type { Base } from './base.js';
import { checkUnchanged } from './make-destination.js';
import type { Preparation } from './prepare.js';
import { compareWritten } from './transfer.js';

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
    await repair(destination, base, plan, { ranges: differences, conditions });
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

/**
 * Restores ranges that the plan does not write: zeros if it clears them, else the bytes of the base. These are read from the
 * base, not from the disk, because later proofs rely on the base's bytes there.
 */
async function repair(destination: PageBlob, base: Base, plan: PushPlan, { ranges, conditions }: { ranges: RangeSet; conditions: Conditions }): Promise<void> {
  for (const range of ranges) await destination.clear(range, conditions);
  const copied = intersect(subtract(ranges, plan.clear), [{ offset: 0, length: base.properties.size - PAGE }]);
  for (const range of splitAt(copied, MAX_WRITE)) {
    const bytes = await readBase(base, range);
    for (const { offset, length } of nonZeroRanges(bytes, plan.gap)) {
      const part = bytes.subarray(offset, offset + length);
      await destination.write(range.offset + offset, part, md5(part), conditions);
    }
  }
}

async function readBase(base: Base, range: Range): Promise<Buffer> {
  try {
    return await base.blob.read(range, { ifMatch: base.properties.etag });
  } catch (error) {
    await checkUnchanged(base, 'while it was compared', error);
    throw error;
  }
}

/**
 * Compares the pages that this push has written with the disk if the times of its files have changed since: a sector may have
 * been changed in place. Without its footer, the blob is no disk meanwhile.
 */
export async function recheckWritten(session: Session, disk: Disk, { destination, plan, identity }: Preparation, { found, conditions }: Recheck): Promise<void> {
  await destination.clear(plan.footer, conditions);
  if (stateOf(found.metadata)?.times === identity.times) return;
  session.note('the files of the disk have other times than when this push began: what was sent is compared first');
  const written = intersect(plan.write, rangeSet(await destination.pageRanges(conditions)));
  await compareWritten(session, disk, destination, written, conditions);
  await destination.setMetadata(withState(found.metadata, { ...identity, state: 'writing' }), conditions);
}
