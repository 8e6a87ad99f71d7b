import t from 'tap';
import { joinRanges, type Joining } from '../../src/plan/join-ranges.js';
import type { RangeSet } from '../../src/bytes/range.js';

const ranges = [
  { offset: 0, length: 10 },
  { offset: 15, length: 10 },
  { offset: 40, length: 10 },
  { offset: 52, length: 10 },
];

function joined(joining: Partial<Joining>, written: RangeSet = []): [number, number][] {
  const all = { maxGap: 5, minBytes: 0, maxBytes: 1000, ...joining };
  return [...joinRanges(ranges, written, () => all)].map(({ offset, length }) => [offset, offset + length]);
}

t.test('neighbours are joined across gaps that are no wider than allowed', (t) => {
  t.strictSame(joined({}), [
    [0, 25],
    [40, 62],
  ]);
  t.strictSame(joined({ maxGap: 4 }), [
    [0, 10],
    [15, 25],
    [40, 62],
  ]);
  t.strictSame(joined({ maxGap: 15 }), [[0, 62]]);
  t.end();
});

t.test('nothing is joined across what is written already', (t) => {
  t.strictSame(joined({ maxGap: 15 }, [{ offset: 30, length: 1 }]), [
    [0, 25],
    [40, 62],
  ]);
  t.end();
});

t.test('joined ranges have no more bytes than allowed, and no fewer', (t) => {
  t.strictSame(joined({ maxGap: 15, maxBytes: 50 }), [
    [0, 50],
    [52, 62],
  ]);
  t.strictSame(joined({ minBytes: 24 }), [
    [0, 25],
    [40, 50],
    [52, 62],
  ]);
  t.end();
});

t.test('each range is joined as it is best when it is taken', (t) => {
  let maxGap = 0;
  const all = joinRanges(ranges, [], () => ({ maxGap, minBytes: 0, maxBytes: 1000 }));
  t.strictSame(all.next().value, { offset: 0, length: 10 });
  maxGap = 15;
  t.strictSame(all.next().value, { offset: 15, length: 47 });
  t.ok(all.next().done);
  t.end();
});
