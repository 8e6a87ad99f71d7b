import t from 'tap';
import { awaitBoth, forEachLimited, newLimit } from '../../src/run/concurrency.js';

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
  'as many items as the limit allows at the moment are worked on: more when it rises, fewer when it falls',
  async (t) => {
    const limit = newLimit(2);
    const { begun, work, endOne } = controlled();
    let taken = 0;
    const items = function* () {
      for (; taken < 9; taken++) yield taken;
    };
    const all = forEachLimited(items(), limit, work, () => undefined);
    await settled();
    t.equal(begun.length, 2);
    t.ok(taken <= 2, 'items are taken only as they are needed');
    limit.concurrency = 4;
    endOne();
    await settled();
    t.equal(begun.length, 5, 'four at a time');
    limit.concurrency = 1;
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
    const all = forEachLimited(
      items(),
      newLimit(3),
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
  await forEachLimited(
    items(),
    newLimit(2),
    async (item) => void seen.push(item),
    () => undefined,
  );
  t.strictSame(seen, [0, 1, 2, 3, 4]);
});

t.test('work from several sides that shares a limit starts in the order in which it comes', async (t) => {
  const limit = newLimit(1);
  const { begun, work, endOne } = controlled();
  const all = [
    [0, 2, 4],
    [1, 3, 5],
  ].map((items) => forEachLimited(items, limit, work, () => undefined));
  for (let count = 1; count <= 6; count++) {
    await settled();
    t.equal(begun.length, count);
    endOne();
  }
  await Promise.all(all);
  t.strictSame(begun, [0, 1, 2, 3, 4, 5]);
});

t.test('the next item is made when the work for the one before has started', async (t) => {
  const log: string[] = [];
  const items = function* () {
    for (let item = 0; item < 3; item++) {
      log.push(`make ${item}`);
      yield item;
    }
  };
  const work = async (item: number) => {
    log.push(`start ${item}`);
    await settled();
  };
  const all = forEachLimited(items(), newLimit(1), work, () => undefined);
  t.strictSame(log, ['make 0'], 'the first one at once');
  await all;
  t.strictSame(log, ['make 0', 'start 0', 'make 1', 'start 1', 'make 2', 'start 2']);
});

t.test('after a failure, work that waits for the limit does not start, and no more items are taken', async (t) => {
  const failure = new Error('no more');
  const begun: number[] = [];
  let taken = 0;
  const items = function* () {
    for (; taken < 9; taken++) yield taken;
  };
  const all = forEachLimited(
    items(),
    newLimit(1),
    (item) => {
      begun.push(item);
      return Promise.reject(failure);
    },
    () => undefined,
  );
  await t.rejects(all, failure);
  t.strictSame(begun, [0]);
  t.ok(taken <= 1, `${taken} items`);
});

t.test('if one of two fails, that is reported at once, and thrown when the other has ended', async (t) => {
  const failure = new Error('no');
  const reported: unknown[] = [];
  let end: () => void = () => undefined;
  const other = new Promise<void>((resolve) => {
    end = resolve;
  });
  let isOver = false;
  const both = awaitBoth(other, Promise.reject(failure), (error) => reported.push(error)).finally(() => {
    isOver = true;
  });
  const rejected = t.rejects(both, failure);
  await settled();
  t.strictSame([reported, isOver], [[failure], false]);
  end();
  await rejected;
});
