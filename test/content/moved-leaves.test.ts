import fc from 'fast-check';
import t from 'tap';
import { MovedLeaves } from '../../src/content/moved-leaves.js';
import { LEAF } from '../../src/digest/tree.js';
import { seedOfRun } from '../support/scale.js';

t.test('neighbours that are neighbours in the base are one range, others are not', (t) => {
  const moved = new MovedLeaves();
  for (const [leaf, source] of [
    [2, 10],
    [3, 11],
    [4, 13],
    [6, 14],
    [7, 14],
  ] as const)
    moved.add(leaf, source);
  const ranges = moved.within({ offset: 0, length: 100 * LEAF });
  t.strictSame(
    ranges.map(({ offset, length, source }) => [offset / LEAF, length / LEAF, source / LEAF]),
    [
      [2, 2, 10],
      [4, 1, 13],
      [6, 1, 14],
      [7, 1, 14],
    ],
  );
  t.equal(moved.bytes, 5 * LEAF);
  t.strictSame(new MovedLeaves().within({ offset: 0, length: LEAF }), []);
  t.end();
});

t.test('within any range: each byte comes from where its leaf was found, and none is left out', (t) => {
  const seed = seedOfRun();
  t.comment(`seed ${seed}`);
  const leaves = fc.uniqueArray(fc.tuple(fc.nat(3000), fc.nat(40)), { selector: ([leaf]) => leaf, maxLength: 2500 });
  const sectors = fc.nat(3100 * 128);
  fc.assert(
    fc.property(leaves, sectors, sectors, (found, from, length) => {
      const moved = new MovedLeaves();
      const sources = new Map([...found].sort(([a], [b]) => a - b));
      for (const [leaf, source] of sources) moved.add(leaf, source);
      const range = { offset: from * 512, length: length * 512 };
      let expected = 0;
      for (const leaf of sources.keys()) {
        const [start, end] = [
          Math.max(leaf * LEAF, range.offset),
          Math.min((leaf + 1) * LEAF, range.offset + range.length),
        ];
        expected += Math.max(0, end - start);
      }
      let last = range.offset;
      let bytes = 0;
      for (const part of moved.within(range)) {
        if (part.offset < last || part.length <= 0) throw new Error('out of order');
        last = part.offset + part.length;
        bytes += part.length;
        for (let at = part.offset; at < last; at += 512)
          if (part.source + at - part.offset !== (sources.get(Math.floor(at / LEAF)) ?? NaN) * LEAF + (at % LEAF))
            throw new Error(`byte ${at} from elsewhere`);
      }
      if (last > range.offset + range.length && bytes > 0) throw new Error('behind the range');
      if (bytes !== expected) throw new Error(`${bytes} bytes, not ${expected}`);
    }),
    { numRuns: 100, seed },
  );
  t.pass('100 ranges');
  t.end();
});
