import t from 'tap';
import { alignedOut } from '../../src/bytes/align.js';

t.test('ranges grow to whole steps, become one if they touch, and end with the disk', (t) => {
  const ranges = [
    { offset: 512, length: 512 },
    { offset: 4608, length: 512 },
    { offset: 16_384, length: 512 },
  ];
  t.strictSame(alignedOut(ranges, 4096, 17_408), [
    { offset: 0, length: 8192 },
    { offset: 16_384, length: 1024 },
  ]);
  t.strictSame(alignedOut([], 4096, 17_408), []);
  t.end();
});
