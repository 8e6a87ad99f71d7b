import t from 'tap';
import type { Stop } from '../../src/run/stop.js';
import { RequestScheduler } from '../../src/run/request-scheduler.js';

const MIB = 1024 * 1024;

function stoppable(): { stop: Stop; cancel: AbortController } {
  const cancel = new AbortController();
  return { stop: { cancel: cancel.signal, abort: new AbortController().signal }, cancel };
}

t.test('a range is cut into requests that follow each other, none larger than a second of the limit', (t) => {
  for (const [limit, largest] of [
    [undefined, MIB],
    [300_000, 256 * 1024],
    [1024, 64 * 1024],
  ] as const) {
    const requests = [
      ...new RequestScheduler(stoppable().stop, undefined, limit).requests({ offset: 512, length: 2 * MIB + 512 }),
    ];
    t.equal(requests[0]?.length, largest);
    let at = 512;
    for (const { offset, length } of requests) {
      t.equal(offset, at);
      t.ok(length > 0 && length <= largest);
      at += length;
    }
    t.equal(at, 2 * MIB + 1024);
  }
  t.end();
});

t.test('who waits for the limit is woken by a stop', async (t) => {
  const { stop, cancel } = stoppable();
  const scheduler = new RequestScheduler(stop, undefined, 1024);
  await scheduler.admit(MIB);
  await scheduler.admit(0);
  const waiting = t.rejects(scheduler.admit(1), { code: 'cancelled' });
  cancel.abort();
  await waiting;
});

t.test('of items that need more memory fewer are worked on at a time, unless a number was asked for', (t) => {
  const scheduler = new RequestScheduler(stoppable().stop, undefined, undefined);
  t.equal(scheduler.newLimit().concurrency, 6);
  t.equal(scheduler.newLimit(40 * MIB).concurrency, 4);
  t.equal(new RequestScheduler(stoppable().stop, 512, undefined).newLimit(40 * MIB).concurrency, 512);
  t.end();
});

t.test('the limits of all kinds of work follow the concurrency, each up to its own memory', (t) => {
  const scheduler = new RequestScheduler(stoppable().stop, undefined, undefined);
  const [small, large] = [scheduler.newLimit(), scheduler.newLimit(32 * MIB)];
  t.strictSame([small.concurrency, large.concurrency], [6, 5]);
  for (let attempt = 0; attempt < 12; attempt++) scheduler.ended({ bytes: MIB, milliseconds: 0, outcome: 'throttled' });
  t.strictSame([small.concurrency, large.concurrency], [4, 4]);
  t.end();
});

t.test('at least one item is worked on at a time, however much memory it needs', (t) => {
  t.equal(new RequestScheduler(stoppable().stop, undefined, undefined).newLimit(1024 * MIB).concurrency, 1);
  t.equal(new RequestScheduler(stoppable().stop, 2.5, undefined).newLimit().concurrency, 3, 'a whole number');
  t.end();
});
