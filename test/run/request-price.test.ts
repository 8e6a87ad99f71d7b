import fc from 'fast-check';
import t from 'tap';
import { PROBE_BYTES, RequestPrice } from '../../src/run/request-price.js';
import { randomFrom } from '../support/gate/faults.js';

const KIB = 1024;
const MIB = KIB * KIB;
const [MIN_GAP, MAX_GAP] = [16 * KIB, 122.5 * KIB];
const seed = Date.now();
t.comment(`seed ${seed}`);

/** Amounts are bytes and milliseconds. The bytes of all requests go over one line, first come, first served. */
interface Link {
  readonly bytesPerMs: number;
  readonly roundTrip: number;
  readonly lanes: number;
  /** The share by which a round trip may be shorter or longer. */
  readonly noise: number;
}

/** Changed sectors: their number, and the bytes from one to the next. */
interface Work {
  readonly count: number;
  readonly every: number;
}

interface Outcome {
  readonly milliseconds: number;
  readonly bytes: number;
  readonly requests: number;
}

/** Sends the sectors as a push does; `gap` gives the limit for gaps at a time, `undefined` while probing. */
function send(
  { bytesPerMs, roundTrip, lanes, noise }: Link,
  { count, every }: Work,
  random: () => number,
  gap: (now: number) => number | undefined,
  price?: RequestPrice,
): Outcome {
  const running: { readonly begun: number; readonly end: number; readonly bytes: number }[] = [];
  let [now, lineFreeAt, serviceFreeAt, next, bytes, requests] = [0, 0, 0, 0, 0, 0];
  while (next < count || running.length > 0) {
    while (running.length < lanes && next < count) {
      const limit = gap(now);
      let length = 512;
      next++;
      while (
        next < count &&
        every - 512 <= (limit ?? MAX_GAP) &&
        length + every <= (limit === undefined ? PROBE_BYTES : MIB)
      ) {
        length += every;
        next++;
      }
      lineFreeAt = Math.max(now, lineFreeAt) + length / bytesPerMs;
      serviceFreeAt = Math.max(now, serviceFreeAt) + 2;
      running.push({
        begun: now,
        end: Math.max(lineFreeAt, serviceFreeAt) + roundTrip * (1 + noise * (2 * random() - 1)),
        bytes: length,
      });
      bytes += length;
      requests++;
    }
    running.sort((a, b) => a.end - b.end);
    const first = running.shift();
    if (!first) break;
    now = first.end;
    price?.record({ now, bytes: first.bytes, milliseconds: now - first.begun, outcome: 'done' }, lanes);
  }
  return { milliseconds: now, bytes, requests };
}

const links: fc.Arbitrary<Link> = fc.record({
  bytesPerMs: fc.double({ min: 5, max: 17, noNaN: true }).map((exponent) => 2 ** exponent),
  roundTrip: fc.integer({ min: 3, max: 300 }),
  lanes: fc.integer({ min: 1, max: 12 }),
  noise: fc.double({ min: 0, max: 0.5, noNaN: true }),
});

t.test(
  'whatever the link, a push of scattered sectors takes little longer than the better of both ways: to send all gaps, or none',
  (t) => {
    fc.assert(
      fc.property(links, fc.integer({ min: 20, max: 122 }), fc.integer(), (link, every, noiseSeed) => {
        const work = { count: 3000, every: every * KIB };
        const random = randomFrom(noiseSeed);
        const price = new RequestPrice();
        const priced = send(
          link,
          work,
          random,
          (now) => {
            const bytes = price.bytes(now);
            return bytes === undefined ? undefined : Math.min(MAX_GAP, Math.max(MIN_GAP, bytes));
          },
          price,
        );
        const [all, none] = [send(link, work, random, () => MAX_GAP), send(link, work, random, () => MIN_GAP)];
        // To learn the link takes some requests of each kind.
        const learning = 4 * link.lanes * (PROBE_BYTES / link.bytesPerMs + link.roundTrip / link.lanes);
        return priced.milliseconds < 1.5 * Math.min(all.milliseconds, none.milliseconds) + learning;
      }),
      { numRuns: 400, seed },
    );
    t.end();
  },
);

const SLOW: Link = { bytesPerMs: 512, roundTrip: 20, lanes: 6, noise: 0.2 };
const FAST: Link = { bytesPerMs: 60 * KIB, roundTrip: 60, lanes: 6, noise: 0.2 };

/** Sends windows of both kinds; returns when the last one ended. */
function show(price: RequestPrice, { bytesPerMs, roundTrip, lanes }: Link, from: number): number {
  let now = from;
  for (const bytes of [256 * KIB, 512]) {
    for (let index = 0; index < 5 * lanes; index++) {
      now += Math.max(bytes / bytesPerMs, roundTrip / lanes);
      price.record(
        { now, bytes, milliseconds: lanes * Math.max(bytes / bytesPerMs, roundTrip / lanes), outcome: 'done' },
        lanes,
      );
    }
  }
  return now;
}

t.test('after the link has changed the price follows', (t) => {
  const price = new RequestPrice();
  let now = show(price, FAST, 0);
  t.ok((price.bytes(now) ?? 0) > 100 * KIB);
  now = show(price, SLOW, now);
  t.ok((price.bytes(now) ?? Infinity) < 16 * KIB);
  t.end();
});

t.test('a limit is a slow link too, also before anything is measured', (t) => {
  const price = new RequestPrice(512 * KIB);
  t.ok((price.bytes(0) ?? Infinity) < 2 * KIB);
  t.ok((price.bytes(show(price, FAST, 0)) ?? Infinity) < 16 * KIB);
  t.end();
});

t.test(
  'no price before both kinds were seen lately, from failures and idle lanes, and when another kind of work begins',
  (t) => {
    const price = new RequestPrice();
    t.equal(price.bytes(0), undefined);
    for (let index = 0; index < 20; index++) {
      for (const outcome of ['failed', 'throttled'] as const)
        price.record({ now: index, bytes: 256 * KIB, milliseconds: 6, outcome }, 6);
    }
    t.equal(price.bytes(20), undefined);
    for (let index = 0; index < 20; index++)
      price.record({ now: 20 + index, bytes: 256 * KIB, milliseconds: 1, outcome: 'done' }, 6);
    t.equal(price.bytes(40), undefined, 'one of six lanes was busy');
    for (let index = 0; index < 20; index++)
      price.record({ now: 40 + index, bytes: 256 * KIB, milliseconds: 6, outcome: 'done' }, 6);
    t.equal(price.bytes(60), 0, 'small ones have to be seen too');
    const now = show(price, FAST, 60);
    t.ok(price.bytes(now));
    t.ok(price.bytes(now + 9_000));
    t.equal(price.bytes(now + 11_000), 0, 'small ones are seen again after ten seconds');
    t.equal(price.bytes(now + 301_000), undefined, 'and large ones after five minutes');
    const later = show(price, FAST, now + 400_000);
    t.ok(price.bytes(later));
    price.restart();
    t.equal(price.bytes(later), undefined);
    t.end();
  },
);
