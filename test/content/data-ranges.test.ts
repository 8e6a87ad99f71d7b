import t from 'tap';
import { dataRanges } from '../../src/content/data-ranges.js';

t.test('the ranges in which any layer stores bytes are found, neighbours as one', async (t) => {
  const extents = [
    ['data', 0, 512],
    ['data', 512, 512],
    ['zero', 1024, 512],
    ['data', 1536, 512],
  ] as const;
  const disk = {
    extentBatches: async function* () {
      await Promise.resolve();
      for (const [kind, offset, length] of extents) yield [{ kind, layer: offset === 0 ? 0 : 1, offset, length }];
    },
  };
  t.strictSame(await dataRanges(disk), [
    { offset: 0, length: 1024 },
    { offset: 1536, length: 512 },
  ]);
});
