import type { Disk } from '../disk/disk.js';
import { RangeMerger, type RangeSet } from '../bytes/range.js';

/** Returns the ranges in which any layer of the disk stores bytes. The rest of the disk is zero. */
export async function dataRanges(disk: Pick<Disk, 'stretches'>): Promise<RangeSet> {
  const data = new RangeMerger();
  for await (const stretch of disk.stretches()) {
    for (const extent of stretch) if (extent.kind === 'data') data.add(extent);
  }
  return data.finish();
}
