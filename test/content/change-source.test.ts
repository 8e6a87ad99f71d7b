import fc from 'fast-check';
import t from 'tap';
import { MovedLeaves } from '../../src/content/moved-leaves.js';
import { layerChanges, leafChanges } from '../../src/content/change-source.js';
import type { Extent } from '../../src/index.js';
import type { PlannedExtent } from '../../src/plan/push-plan.js';
import { RangeMerger } from '../../src/bytes/range.js';
import { seedOfRun } from '../support/scale.js';

const SECTOR = 512;

async function all(batches: AsyncIterable<Iterable<PlannedExtent>>): Promise<PlannedExtent[]> {
  const extents: PlannedExtent[] = [];
  for await (const batch of batches) extents.push(...batch);
  return extents;
}

t.test('the extents of any comparison are all of the disk, in order, each of its kind', async (t) => {
  const seed = seedOfRun();
  t.comment(`seed ${seed}`);
  const kinds = fc.array(fc.constantFrom('absent', 'data', 'zero'), { minLength: 1, maxLength: 60 });
  await fc.assert(
    fc.asyncProperty(kinds, async (sectors) => {
      const rangesOf = (kind: string) => {
        const merger = new RangeMerger();
        for (const [at, other] of sectors.entries())
          if (other === kind) merger.add({ offset: at * SECTOR, length: SECTOR });
        return merger.finish();
      };
      const size = sectors.length * SECTOR;
      const comparison = {
        changed: rangesOf('data'),
        zeroed: rangesOf('zero'),
        moved: new MovedLeaves(),
        equal: 0,
        isSearchComplete: true,
      };
      const found: string[] = [];
      for (const { offset, length, kind } of await all(leafChanges(size, comparison).changes())) {
        if (offset !== found.length * SECTOR) throw new Error(`a gap at ${offset}`);
        for (let at = 0; at < length; at += SECTOR) found.push(kind);
      }
      if (found.join() !== sectors.join()) throw new Error(found.join());
    }),
    { numRuns: 300, seed },
  );
  t.pass('300 comparisons');
});

t.test('changes by layers are the extents above the ancestor; without one all of the disk', async (t) => {
  const asked: unknown[] = [];
  const disk = {
    async *extentBatches(options: { readonly above?: number } = {}): AsyncGenerator<Extent[]> {
      asked.push(options);
      await Promise.resolve();
      yield [{ offset: 0, length: SECTOR, kind: 'zero', layer: 0 }];
    },
  };
  t.strictSame(await all(layerChanges(disk, 2).changes()), [{ offset: 0, length: SECTOR, kind: 'zero', layer: 0 }]);
  await all(layerChanges(disk).changes());
  await all(layerChanges(disk, 0).changes());
  t.strictSame(asked, [{ above: 2 }, {}, { above: 0 }]);
});
