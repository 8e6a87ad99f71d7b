import t from 'tap';
import { formatShare, formatSize } from '../../src/bytes/format-size.js';

t.test('amounts for people are in IEC units', (t) => {
  t.strictSame([0, 512, 1024, 1536 * 1024 ** 2, 2 ** 53].map(formatSize), [
    '0 B',
    '512 B',
    '1.0 KiB',
    '1.5 GiB',
    '8.0 PiB',
  ]);
  t.end();
});

t.test('a part and the whole share the unit if they have the same', (t) => {
  const MIB = 1024 ** 2;
  t.equal(formatShare(107.5 * MIB, 256 * MIB), '107.5 of 256.0 MiB');
  t.equal(formatShare(0, 256 * MIB), '0 of 256.0 MiB');
  t.equal(formatShare(10.5 * MIB, 2 * MIB * MIB), '10.5 MiB of 2.0 TiB');
  t.equal(formatShare(100, 511), '100 of 511 B');
  t.end();
});
