import fc from 'fast-check';
import t from 'tap';
import { RateLimit } from '../../src/run/rate-limit.js';

const MIB = 1024 * 1024;
const seed = Date.now();
t.comment(`seed ${seed}`);

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
