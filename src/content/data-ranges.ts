import type { Disk } from '../disk/disk.js';
import { RangeMerger, type RangeSet } from '../bytes/range.js';

/** Returns the ranges in which any layer of the disk stores bytes. The rest of the disk is zero. */
export async function dataRanges(disk: Pick<Disk, 'extentBatches'>): Promise<RangeSet> {
  const data = new RangeMerger();
  for await (const batch of disk.extentBatches()) {
    for (const extent of batch) if (extent.kind === 'data') data.add(extent);
  }
  return data.finish();
}
