import fc from 'fast-check';
import t from 'tap';
import { AdaptiveConcurrency } from '../../src/run/adaptive-concurrency.js';
import { randomFrom } from '../support/gate/faults.js';
import { seedOfRun } from '../support/scale.js';
import { Simulation, type Link, type Stretch } from './simulated-link.js';

const KIB = 1024;
const MIB = 1024 * KIB;
const seed = seedOfRun();
t.comment(`seed ${seed}`);
const options = { numRuns: 8, seed };

const perSecond = (mib: number) => (mib * MIB) / 1000;
const numbers = fc.integer({ min: 1, max: 2 ** 31 });

/** Goes over a link until it is known, and then for as long again. */
function over(
  link: Link,
  random: number,
  seconds = 60,
): { pace: AdaptiveConcurrency; simulation: Simulation; first: Stretch; then: Stretch } {
  const pace = new AdaptiveConcurrency();
  const simulation = new Simulation(pace, randomFrom(random));
  const first = simulation.run(link, seconds * 1000);
  return { pace, simulation, first, then: simulation.run(link, seconds * 1000) };
}

function stayWithin(...stretches: readonly Stretch[]): boolean {
  return stretches.every(
    ({ lanes, sizes }) =>
      lanes.every((count) => Number.isInteger(count) && count >= 1 && count <= 32) &&
      sizes.every((size) => size >= 256 * KIB && size <= 4 * MIB && Number.isInteger(Math.log2(size))),
  );
}

/** The numbers of lanes stay near each other; of 1,000 random links one comes to just over half. */
const isCalm = ({ lanes }: Stretch) => Math.max(...lanes) - Math.min(...lanes) <= Math.max(3, Math.max(...lanes) * 0.6);

t.test('a link with long round trips is filled, whatever one connection carries', (t) => {
  fc.assert(
    fc.property(
      fc.integer({ min: 20, max: 400 }),
      fc.integer({ min: 4, max: 60 }),
      fc.integer({ min: 1, max: 80 }),
      numbers,
      (total, each, roundTrip, random) => {
        const link = { total: perSecond(total), each: perSecond(each), roundTrip };
        const { first, then } = over(link, random);
        const most = Math.min(link.total, (32 * 4 * MIB) / ((4 * MIB) / link.each + roundTrip));
        return then.rate >= 0.9 * most && stayWithin(first, then) && isCalm(then);
      },
    ),
    options,
  );
  t.end();
});

t.test('small requests over long round trips are sent many at a time', (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 64 }), numbers, (pages, random) => {
      const requestBytes = pages * 512;
      const { first, then } = over(
        { total: perSecond(400), each: perSecond(100), roundTrip: 40, requestBytes },
        random,
        30,
      );
      return then.rate >= (0.85 * 32 * requestBytes) / 42 && stayWithin(first, then);
    }),
    options,
  );
  t.end();
});

t.test('a server that refuses what is too much gets nearly as much as it takes, and refuses little', (t) => {
  fc.assert(
    fc.property(
      fc.integer({ min: 6, max: 40 }),
      fc.integer({ min: 10, max: 60 }),
      fc.boolean(),
      numbers,
      (each, roundTrip, isSmall, random) => {
        const server = { requests: 500, bytes: 60 * MIB };
        const requestBytes = isSmall ? 4 * KIB : undefined;
        const { first, then } = over(
          { total: perSecond(600), each: perSecond(each), roundTrip, server, requestBytes },
          random,
        );
        const most = Math.min(
          isSmall ? (500 * 4 * KIB) / 1000 : perSecond(60),
          (32 * (requestBytes ?? 4 * MIB)) / ((requestBytes ?? 4 * MIB) / perSecond(each) + roundTrip * 1.05),
        );
        return then.rate >= 0.9 * most && then.refused < 0.15 * then.done && stayWithin(first, then);
      },
    ),
    options,
  );
  t.end();
});

t.test('what is refused now and then for no reason costs little', (t) => {
  fc.assert(
    fc.property(
      fc.integer({ min: 2, max: 20 }),
      fc.integer({ min: 10, max: 60 }),
      fc.boolean(),
      numbers,
      (each, roundTrip, isSmall, random) => {
        const link = {
          total: perSecond(600),
          each: perSecond(each),
          roundTrip,
          requestBytes: isSmall ? 4 * KIB : undefined,
        };
        const undisturbed = over(link, random).then.rate;
        const { first, then } = over({ ...link, stray: 0.002 }, random);
        return then.rate >= 0.7 * undisturbed && stayWithin(first, then);
      },
    ),
    options,
  );
  t.end();
});

t.test('on a slow link no request gets old, and nothing is lost for it', (t) => {
  fc.assert(
    fc.property(fc.constantFrom(0.5, 1, 2, 4), fc.integer({ min: 10, max: 200 }), numbers, (mib, roundTrip, random) => {
      const { first, then } = over({ total: perSecond(mib), each: perSecond(mib), roundTrip }, random, 120);
      return (
        first.oldest < 30_000 && then.oldest < 30_000 && then.rate >= 0.9 * perSecond(mib) && stayWithin(first, then)
      );
    }),
    options,
  );
  t.end();
});

t.test('it gives way while the server refuses, and comes back', (t) => {
  fc.assert(
    fc.property(numbers, (random) => {
      const link = { total: perSecond(200), each: perSecond(10), roundTrip: 40 };
      const { simulation, pace } = over(link, random, 20);
      const before = pace.concurrency;
      const refusing = simulation.run({ ...link, server: { requests: 500, bytes: 15 * MIB } }, 20_000);
      const during = pace.concurrency;
      simulation.run(link, 60_000);
      const after = simulation.run(link, 30_000);
      return (
        during <= before / 2 &&
        refusing.rate >= 0.7 * perSecond(15) &&
        after.rate >= 0.9 * perSecond(200) &&
        stayWithin(refusing, after)
      );
    }),
    options,
  );
  t.end();
});

t.test('a link that becomes slow gets smaller requests', (t) => {
  fc.assert(
    fc.property(numbers, (random) => {
      const { simulation, pace } = over({ total: perSecond(40), each: perSecond(20), roundTrip: 30 }, random, 20);
      const slow = { total: perSecond(1), each: perSecond(1), roundTrip: 30 };
      simulation.run(slow, 240_000);
      const then = simulation.run(slow, 120_000);
      return then.oldest < 30_000 && pace.requestBytes < 4 * MIB && then.rate >= 0.85 * perSecond(1);
    }),
    options,
  );
  t.end();
});

t.test('small requests before the first large ones do not make those too large', (t) => {
  const pace = new AdaptiveConcurrency();
  for (let now = 10; now < 1000; now += 10) pace.record({ now, bytes: 512, milliseconds: 1, outcome: 'done' });
  t.equal(pace.requestBytes, MIB);
  t.end();
});

t.test('whatever it is told, it stays within its bounds; a fixed number stays what it is', (t) => {
  const samples = fc.array(
    fc.record({
      wait: fc.integer({ min: 0, max: 5000 }),
      bytes: fc.integer({ min: 0, max: 4 * MIB }),
      milliseconds: fc.double({ min: 0, max: 100_000, noNaN: true }),
      outcome: fc.constantFrom('done' as const, 'throttled' as const, 'failed' as const),
    }),
    { maxLength: 300 },
  );
  fc.assert(
    fc.property(samples, fc.option(fc.integer({ min: 1, max: 512 }), { nil: undefined }), (list, fixed) => {
      const pace = new AdaptiveConcurrency(fixed);
      let now = 0;
      return list.every(({ wait, ...sample }) => {
        now += wait;
        pace.record({ now, ...sample });
        if (sample.bytes === 512) pace.restart();
        const { concurrency, requestBytes } = pace;
        return (
          (fixed === undefined
            ? concurrency >= 1 && concurrency <= 32 && Number.isInteger(concurrency)
            : concurrency === fixed) &&
          requestBytes >= 256 * KIB &&
          requestBytes <= 4 * MIB &&
          requestBytes % 512 === 0
        );
      });
    }),
    { ...options, numRuns: 300 },
  );
  t.end();
});
