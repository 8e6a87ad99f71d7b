import fc from 'fast-check';
import t from 'tap';
import type { Stop } from '../../src/run/retry.js';
import { RateLimit } from '../../src/run/rate-limit.js';
import { Traffic } from '../../src/run/request-scheduler.js';

const MIB = 1024 * 1024;
const seed = Date.now();
t.comment(`seed ${seed}`);

function stoppable(): { stop: Stop; cancel: AbortController } {
  const cancel = new AbortController();
  return { stop: { cancel: cancel.signal, abort: new AbortController().signal }, cancel };
}

t.test('at no time more bytes have been let through than the limit gives, and it is used', (t) => {
  const requests = fc.array(fc.tuple(fc.integer({ min: 0, max: 3000 }), fc.integer({ min: 1, max: 4 * MIB })), {
    minLength: 1,
    maxLength: 40,
  });
  fc.assert(
    fc.property(requests, fc.integer({ min: 1024, max: 100 * MIB }), (list, limit) => {
      const bucket = new RateLimit(limit);
      let [now, freeAt] = [0, 0];
      return list.every(([wait, bytes]) => {
        now += wait;
        const begin = now + bucket.reserve(now, bytes);
        const expected = Math.max(now, freeAt);
        freeAt = expected + (bytes * 1000) / limit;
        return Math.abs(begin - expected) < 1e-6 * Math.max(1, expected);
      });
    }),
    { seed, numRuns: 500 },
  );
  t.end();
});

t.test('a range is cut into requests that follow each other, none larger than a second of the limit', (t) => {
  for (const [limit, largest] of [
    [undefined, MIB],
    [300_000, 256 * 1024],
    [1024, 64 * 1024],
  ] as const) {
    const requests = [
      ...new Traffic(stoppable().stop, undefined, limit).requests({ offset: 512, length: 2 * MIB + 512 }),
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
  const traffic = new Traffic(stop, undefined, 1024);
  await traffic.admit(MIB);
  await traffic.admit(0);
  const waiting = t.rejects(traffic.admit(1), { code: 'cancelled' });
  cancel.abort();
  await waiting;
});

t.test('pieces that need more memory have fewer lanes, unless a number was asked for', (t) => {
  const traffic = new Traffic(stoppable().stop, undefined, undefined);
  t.equal(traffic.lanes().count, 6);
  t.equal(traffic.lanes(40 * MIB).count, 4);
  t.equal(new Traffic(stoppable().stop, 512, undefined).lanes(40 * MIB).count, 512);
  t.end();
});
