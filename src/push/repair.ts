import { nonZeroRanges } from '../bytes/non-zero.js';
import { intersect, rangeSet, splitAt, subtract, union, type Range, type RangeSet } from '../bytes/range.js';
import type { DestinationWriter } from '../destination/destination.js';
import { md5 } from '../digest/md5.js';
import { PAGE } from '../bytes/sector.js';
import { MAX_WRITE } from '../plan/page-blob-limits.js';
import { changedBy } from '../plan/push-plan.js';
import type { Base } from './base.js';
import { requireUnchanged } from './base-blob.js';
import type { PreparedPush } from './context.js';

/**
 * Restores ranges of the destination. What the plan clears or writes is cleared, and so counts as not written. Elsewhere the
 * base's bytes are written; they are read from the base, not from the disk, because later proofs rely on them. Without a base,
 * all ranges are cleared.
 */
export async function repair(
  { base, plan }: Pick<PreparedPush, 'base' | 'plan'>,
  writer: DestinationWriter,
  ranges: RangeSet,
): Promise<void> {
  const own = changedBy(plan);
  const elsewhere = subtract(ranges, own);
  // One request clears many differences; what it clears between them is sent again.
  for (const range of union(intersect(rangeSet(ranges, MAX_WRITE), own), elsewhere)) await writer.clear(range);
  if (!base) return;
  const copied = intersect(elsewhere, [{ offset: 0, length: base.properties.size - PAGE }]);
  for (const range of splitAt(copied, MAX_WRITE)) {
    const bytes = await readBase(base, range);
    for (const { offset, length } of nonZeroRanges(bytes, plan.gap)) {
      const part = bytes.subarray(offset, offset + length);
      await writer.write(range.offset + offset, part, await md5(part));
    }
  }
}

async function readBase(base: Base, range: Range): Promise<Buffer> {
  try {
    return await base.blob.read(range, { ifMatch: base.properties.etag });
  } catch (error) {
    await requireUnchanged(base, 'while it was compared', error);
    throw error;
  }
}
