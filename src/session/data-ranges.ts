import type { Disk } from '../disk/disk.js';
import { rangeSet, type Range, type RangeSet } from '../plan/range.js';

/** Where some layer of the disk stores bytes; all else of it is zero. */
export async function dataRanges(disk: Pick<Disk, 'extents'>): Promise<RangeSet> {
  const data: Range[] = [];
  for await (const { offset, length, kind } of disk.extents()) if (kind === 'data') data.push({ offset, length });
  return rangeSet(data);
}
