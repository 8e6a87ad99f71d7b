import t from 'tap';
import { inParallel } from '../../src/run/concurrency.js';

/** Work that ends when it is told to. */
function controlled() {
  const ends: (() => void)[] = [];
  const begun: number[] = [];
  const work = (item: number) => {
    begun.push(item);
    return new Promise<void>((resolve) => {
      ends.push(resolve);
    });
  };
  return { begun, work, endOne: () => ends.shift()?.() };
}

const settled = () =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });

t.test(
  'as many items as there are lanes at the moment are worked on: more when lanes are added, fewer when they are taken away',
  async (t) => {
    const lanes = { count: 2 };
    const { begun, work, endOne } = controlled();
    let taken = 0;
    const items = function* () {
      for (; taken < 9; taken++) yield taken;
    };
    const all = inParallel(items(), lanes, work, () => undefined);
    await settled();
    t.equal(begun.length, 2);
    t.ok(taken <= 2, 'items are taken only as they are needed');
    lanes.count = 4;
    endOne();
    await settled();
    t.equal(begun.length, 5, 'four at a time');
    lanes.count = 1;
    for (const expected of [5, 5, 5, 6, 7, 8, 9, 9, 9]) {
      endOne();
      await settled();
      t.equal(begun.length, expected);
    }
    await all;
    t.strictSame(begun, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
  },
);

t.test('a failure, of the work or of the items, starts no more, waits for what runs, and is thrown', async (t) => {
  for (const isOfItems of [false, true]) {
    const { begun, work, endOne } = controlled();
    const failure = new Error('no more');
    const told: unknown[] = [];
    const items = function* () {
      yield 0;
      yield 1;
      if (isOfItems) throw failure;
      yield 2;
      yield 3;
    };
    let hasEnded = false;
    const all = inParallel(
      items(),
      { count: 3 },
      (item) => (item === 1 && !isOfItems ? Promise.reject(failure) : work(item)),
      (error) => told.push(error),
    ).finally(() => {
      hasEnded = true;
    });
    const rejected = t.rejects(all, failure);
    await settled();
    t.notOk(hasEnded, 'what runs is waited for');
    t.ok(begun.length <= 2);
    t.strictSame(told, [failure]);
    while (!hasEnded) {
      endOne();
      await settled();
    }
    await rejected;
  }
});

t.test('items that come asynchronously are waited for', async (t) => {
  const seen: number[] = [];
  const items = async function* () {
    for (let item = 0; item < 5; item++) {
      await settled();
      yield item;
    }
  };
  await inParallel(
    items(),
    { count: 2 },
    async (item) => void seen.push(item),
    () => undefined,
  );
  t.strictSame(seen, [0, 1, 2, 3, 4]);
});
