import t from 'tap';
import { differingRanges } from '../../src/bytes/differing.js';
import { rangeSet } from '../../src/bytes/range.js';

const SECTOR = 512;
const STRIDE = 64 * 1024;

t.test('the sectors that differ are found, neighbours as one range, also across a stride', (t) => {
  const one = Buffer.alloc(3 * STRIDE + SECTOR, 1);
  const other = Buffer.from(one);
  t.strictSame(differingRanges(one, other), []);
  for (const at of [0, 3 * SECTOR + 511, STRIDE - 1, STRIDE, 3 * STRIDE + SECTOR - 1]) other[at] = 2;
  t.strictSame(differingRanges(one, other), [
    { offset: 0, length: SECTOR },
    { offset: 3 * SECTOR, length: SECTOR },
    { offset: STRIDE - SECTOR, length: 2 * SECTOR },
    { offset: 3 * STRIDE, length: SECTOR },
  ]);
  t.end();
});

t.test('any byte that differs is found, in buffers that begin anywhere and end within a sector', (t) => {
  const length = 2 * STRIDE + 100;
  const [left, right] = [Buffer.alloc(length + 7), Buffer.alloc(length + 7)];
  const [one, other] = [left.subarray(3, 3 + length), right.subarray(7)];
  for (let at = 0; at < length; at += 509) {
    other[at] = 1;
    const offset = Math.floor(at / SECTOR) * SECTOR;
    const found = differingRanges(one, other);
    t.strictSame(found, rangeSet([{ offset, length: Math.min(SECTOR, length - offset) }]), `byte ${at}`);
    other[at] = 0;
  }
  t.end();
});
