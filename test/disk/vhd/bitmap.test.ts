import t from 'tap';
import { bitmapLength, isSet, runEnd, setBits } from '../../../src/disk/vhd/bitmap.js';

t.test('a bitmap has a bit a sector, in whole sectors', (t) => {
  t.strictSame([512, 4096, 512 * 1024, 2 * 1024 * 1024, 4 * 1024 * 1024].map(bitmapLength), [512, 512, 512, 512, 1024]);
  t.end();
});

t.test('the first sector is the most significant bit', (t) => {
  const bitmap = Uint8Array.of(0x80, 0x01);
  t.strictSame(
    [...Array(16).keys()].filter((sector) => isSet(bitmap, sector)),
    [0, 15],
  );
  t.end();
});

t.test('runs end at the next sector of the other kind, or at the end', (t) => {
  const wrong: string[] = [];
  const check = (from: number, found: number, expected: number) => {
    if (found !== expected) wrong.push(`from ${from}: ${found}, not ${expected}`);
  };
  for (let from = 0; from < 40; from++) {
    for (let to = from + 1; to <= 40; to++) {
      const bitmap = new Uint8Array(5);
      setBits(bitmap, from, to);
      if (from > 0) check(0, runEnd(bitmap, 0, 40), from);
      check(from, runEnd(bitmap, from, 40), to);
      check(from, runEnd(bitmap, from, from + 1), from + 1);
      if (to < 40) check(to, runEnd(bitmap, to, 40), 40);
    }
  }
  t.strictSame(wrong, []);
  t.end();
});
