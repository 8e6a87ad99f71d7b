import fc from 'fast-check';
import t from 'tap';
import { compareLeaves, totalsOf } from '../../src/content/compare-leaves.js';
import { LEAF } from '../../src/digest/tree.js';
import { fromRuns, runsOfModel } from '../support/leaf-runs.js';
import { seedOfRun } from '../support/scale.js';

const leaves = fc.dictionary(fc.nat(12).map(String), fc.constantFrom('a', 'b', 'c', 'd', 'zero'));
const sizes = fc.integer({ min: 1, max: 13 * 128 }).map((sectors) => sectors * 512);

t.test('any two disks: equal, changed, zero and moved are as a simple model says', async (t) => {
  const seed = seedOfRun();
  t.comment(`seed ${seed}`);
  await fc.assert(
    fc.asyncProperty(leaves, leaves, sizes, sizes, async (own, base, size, baseSize) => {
      const [ours, theirs] = [modelOf(own, size), modelOf(base, baseSize)];
      const found = await compareLeaves(
        { size, runs: () => fromRuns(runsOfModel(ours)) },
        { size: baseSize, runs: () => fromRuns(runsOfModel(theirs)) },
        () => undefined,
      );
      const expected = { equal: 0, changed: 0, zero: 0 };
      for (let leaf = 0; leaf * LEAF < size; leaf++) {
        const length = Math.min(LEAF, size - leaf * LEAF);
        const [mine, other] = [nameOf(ours, leaf), nameOf(theirs, leaf)];
        if (mine === undefined) expected.zero += other === undefined ? 0 : length;
        else expected[mine === other ? 'equal' : 'changed'] += length;
      }
      const { equal, moved, changed, zero } = totalsOf(found);
      if (JSON.stringify({ equal, changed: moved + changed, zero }) !== JSON.stringify(expected))
        throw new Error(`${JSON.stringify({ equal, moved, changed, zero })} and not ${JSON.stringify(expected)}`);
      for (const { offset, length, source } of found.moved.within({ offset: 0, length: size })) {
        for (let at = 0; at < length; at += LEAF)
          if (nameOf(ours, (offset + at) / LEAF) !== nameOf(theirs, (source + at) / LEAF))
            throw new Error('moved from elsewhere');
        if (source + length > Math.floor(baseSize / LEAF) * LEAF) throw new Error('moved from behind the base');
      }
    }),
    { numRuns: 500, seed },
  );
  t.pass('500 pairs');
});

function modelOf(all: Readonly<Record<string, string>>, size: number): Map<number, string> {
  return new Map(
    Object.entries(all)
      .map(([leaf, name]) => [Number(leaf), name] as const)
      .filter(([leaf]) => leaf * LEAF < size),
  );
}

function nameOf(model: ReadonlyMap<number, string>, leaf: number): string | undefined {
  const name = model.get(leaf);
  return name === 'zero' ? undefined : name;
}
