import { createHash } from 'node:crypto';
import fc from 'fast-check';
import t from 'tap';
import { fingerprintOf } from '../../src/push/fingerprint.js';

const seed = Date.now();
t.comment(`seed ${seed}`);

const sets = fc.tuple(fc.constantFrom(0, 1, 2, 1023, 1024, 1025, 3000), fc.nat(2 ** 43)).map(([count, start]) =>
  Array.from({ length: count }, (_, index) => ({
    offset: (start + index * 3) * 512,
    length: 512 * (1 + (index % 2)),
  })),
);

t.test('the fingerprint is that of one JSON text: pushes that an earlier version left are resumed', (t) => {
  const bases = fc.option(fc.tuple(fc.uuid(), fc.string(), fc.constantFrom('md5', 'id')), { nil: undefined });
  fc.assert(
    fc.property(
      fc.string(),
      bases,
      fc.nat(2 ** 43),
      fc.nat(2 ** 20),
      fc.constantFrom(0, 512),
      sets,
      sets,
      (source, base, size, gap, more, clear, write) => {
        const pairs = (set: typeof write) => set.map(({ offset, length }) => [offset, length]);
        const text = JSON.stringify({
          source,
          base,
          plan: [size, more === 0 ? gap : [gap, gap + more], pairs(clear), pairs(write)],
        });
        return (
          fingerprintOf(source, base, { size, gap, maxGap: gap + more, clear, write }) ===
          createHash('sha256').update(text).digest('hex')
        );
      },
    ),
    { numRuns: 60, seed },
  );
  t.end();
});
