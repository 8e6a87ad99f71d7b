import t, { type Test } from 'tap';
import { KnownLeavesLost, UnchangedLeaves } from '../../src/content/known-leaves.js';
import { LEAF, VALUE, type LeafRun } from '../../src/digest/tree.js';

/** Leaves whose values have their own index in every byte. */
function run(index: number, count: number): LeafRun {
  const values = new Uint8Array(count * VALUE);
  for (let leaf = 0; leaf < count; leaf++) values.fill(index + leaf, leaf * VALUE, (leaf + 1) * VALUE);
  return { index, values };
}

async function* runs(...all: LeafRun[]): AsyncGenerator<LeafRun> {
  for (const one of all) yield await Promise.resolve(one);
}

/** The indices of the leaves before `index`; each must have its own value. */
async function indices(t: Test, leaves: UnchangedLeaves, index: number): Promise<number[]> {
  const found: number[] = [];
  for await (const { index: first, values } of leaves.before(index))
    for (let at = 0; at < values.length; at += VALUE) {
      t.equal(values[at], first + at / VALUE);
      found.push(first + at / VALUE);
    }
  return found;
}

t.test('leaves that did not change come in order, up to the index asked for and the end of the disk', async (t) => {
  const changed = [
    { offset: 2 * LEAF, length: LEAF },
    { offset: 11 * LEAF, length: 100 },
  ];
  const leaves = new UnchangedLeaves(runs(run(0, 5), run(8, 20)), changed, 11 * LEAF + 100);
  t.strictSame(await indices(t, leaves, 1), [0]);
  t.strictSame(await indices(t, leaves, 4), [1, 3]);
  t.strictSame(await indices(t, leaves, 9), [4, 8]);
  t.strictSame(await indices(t, leaves, Infinity), [9, 10]);
  t.strictSame(await indices(t, new UnchangedLeaves(undefined, [], LEAF), Infinity), []);
});

t.test('leaves that cannot be read are lost; to close them never fails', async (t) => {
  const failing = {
    [Symbol.asyncIterator]: () => ({
      next: () => Promise.reject(new Error('EIO')),
      return: () => Promise.reject(new Error('EIO')),
    }),
  };
  const leaves = new UnchangedLeaves(failing, [], LEAF);
  await t.rejects(indices(t, leaves, 1), KnownLeavesLost);
  await leaves.close();
});
