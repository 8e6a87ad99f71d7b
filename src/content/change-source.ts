import type { Disk } from '../disk/disk.js';
import { endOf, type Range } from '../bytes/range.js';
import type { PlannedExtent } from '../plan/push-plan.js';
import type { LeafComparison } from './compare-leaves.js';

/** Says what of a disk has to be written over a base: all extents of the disk, in order. What the base has is `absent`. */
export interface ChangeSource {
  changes(): AsyncIterable<Iterable<PlannedExtent>>;
}

/** Returns the changes that the layers above an ancestor show; without `above` all extents, for a push without a base. */
export function layerChanges(disk: Pick<Disk, 'extentBatches'>, above?: number): ChangeSource {
  return { changes: () => disk.extentBatches(above === undefined ? {} : { above }) };
}

/** Returns the changes of a disk of `size` bytes that a comparison by leaves has found. */
export function leafChanges(size: number, { changed, zeroed }: LeafComparison): ChangeSource {
  return {
    async *changes() {
      await Promise.resolve();
      yield inOrder(size, changed, zeroed);
    },
  };
}

function* inOrder(size: number, data: readonly Range[], zeros: readonly Range[]): Generator<PlannedExtent> {
  let [offset, nextData, nextZero] = [0, 0, 0];
  while (offset < size) {
    const [one, other] = [data[nextData], zeros[nextZero]];
    const isData = (one?.offset ?? Infinity) < (other?.offset ?? Infinity);
    const range = isData ? one : other;
    const start = range?.offset ?? size;
    if (start > offset) yield { offset, length: start - offset, kind: 'absent' };
    if (!range) return;
    yield { ...range, kind: isData ? 'data' : 'zero' };
    if (isData) nextData++;
    else nextZero++;
    offset = endOf(range);
  }
}
