import fc from 'fast-check';
import t from 'tap';
import { RequestPrice } from '../../src/session/request-price.js';
import { randomFrom } from '../support/gate/faults.js';

const KIB = 1024;
const seed = Date.now();
t.comment(`seed ${seed}`);

/** Requests over a link of so many bytes a second that so many of them share; each takes so long besides. */
interface Link {
  readonly bytesPerSecond: number;
  readonly requestMs: number;
  readonly lanes: number;
}

const links: fc.Arbitrary<Link> = fc.record({ bytesPerSecond: fc.integer({ min: 20 * KIB, max: 1024 * KIB * KIB }), requestMs: fc.integer({ min: 1, max: 300 }), lanes: fc.integer({ min: 1, max: 32 }) });

function take(price: RequestPrice, { bytesPerSecond, requestMs, lanes }: Link, { now, bytes, noise }: { now: number; bytes: number; noise: number }): void {
  price.take({ now, bytes, milliseconds: noise * (requestMs + (1000 * bytes * lanes) / bytesPerSecond), outcome: 'done' });
}

t.test('the price of a request is what the link carries in the time that the request takes besides', (t) => {
  fc.assert(fc.property(links, fc.integer(), (link, noiseSeed) => {
    const price = new RequestPrice();
    const random = randomFrom(noiseSeed);
    // Both kinds in turn, as a push has them: a late sample may be a fifth off.
    for (let index = 0; index < 60; index++) take(price, link, { now: index, bytes: index % 2 === 0 ? 128 * KIB + Math.floor(random() * 4096) * KIB : 512, noise: 0.9 + random() / 5 });
    const ideal = Math.max(link.requestMs, 2 * link.lanes) * link.bytesPerSecond / (1000 * link.lanes);
    const found = price.bytes(60, link.lanes) ?? 0;
    // A gap that is sent has 16 to 122.5 KiB. What is lost by a wrong price is at most the share by which it is wrong.
    const limit = (bytes: number) => Math.min(125_440, Math.max(16_384, bytes));
    return limit(found) > 0.6 * limit(ideal) && limit(found) < 1.7 * limit(ideal);
  }), { numRuns: 2000, seed });
  t.end();
});

t.test('after the link has changed the price follows', (t) => {
  const price = new RequestPrice();
  const fast: Link = { bytesPerSecond: 60 * KIB * KIB, requestMs: 20, lanes: 6 };
  const slow: Link = { bytesPerSecond: 512 * KIB, requestMs: 20, lanes: 6 };
  for (let index = 0; index < 20; index++) take(price, fast, { now: index, bytes: index % 2 === 0 ? 256 * KIB : 512, noise: 1 });
  t.ok((price.bytes(20, 6) ?? 0) > 100 * KIB);
  for (let index = 20; index < 30; index++) take(price, slow, { now: index, bytes: 256 * KIB, noise: 1 });
  t.ok((price.bytes(30, 6) ?? Infinity) < 4 * KIB);
  t.end();
});

t.test('a limit is a slow link too', (t) => {
  const price = new RequestPrice(512 * KIB);
  for (let index = 0; index < 20; index++) take(price, { bytesPerSecond: 60 * KIB * KIB, requestMs: 20, lanes: 6 }, { now: index, bytes: index % 2 === 0 ? 256 * KIB : 512, noise: 1 });
  t.ok((price.bytes(20, 6) ?? Infinity) < 4 * KIB);
  t.end();
});

t.test('no price without a large request, after a minute without one, for failures, and when another kind of work begins', (t) => {
  const link: Link = { bytesPerSecond: 60 * KIB * KIB, requestMs: 20, lanes: 6 };
  const price = new RequestPrice();
  take(price, link, { now: 0, bytes: 512, noise: 1 });
  for (const outcome of ['failed', 'throttled'] as const) price.take({ now: 0, bytes: 256 * KIB, milliseconds: 1, outcome });
  t.equal(price.bytes(0, 6), undefined);
  take(price, link, { now: 1, bytes: 256 * KIB, noise: 1 });
  t.ok(price.bytes(60_001, 6));
  t.equal(price.bytes(60_002, 6), undefined);
  take(price, link, { now: 70_000, bytes: 256 * KIB, noise: 1 });
  t.ok(price.bytes(70_001, 6));
  price.restart();
  t.equal(price.bytes(70_001, 6), undefined);
  t.end();
});

t.test('a minute after the last large request the link is measured by one request at a time, not by all lanes at once', (t) => {
  const price = new RequestPrice();
  const slow: Link = { bytesPerSecond: 20 * KIB, requestMs: 20, lanes: 6 };
  take(price, slow, { now: 0, bytes: 128 * KIB, noise: 1 });
  const probes = Array.from({ length: 6000 }, (_, index) => price.bytes(61_000 + index * 10, 6)).filter((bytes) => bytes === undefined);
  t.ok(probes.length >= 1 && probes.length <= 6, `${probes.length} in a minute`);
  t.end();
});
