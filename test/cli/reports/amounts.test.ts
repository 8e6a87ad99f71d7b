import t from 'tap';
import { paceWords, share, short } from '../../../src/cli/reports/amounts.js';

const MIB = 1024 ** 2;

t.test('a part is shown in the unit of the whole, and 100 % only if it is all of it', (t) => {
  t.equal(share(6.1 * MIB, 256 * MIB + 512), '6.1 of 256 MiB (2 %)');
  t.equal(share(256 * MIB + 512, 256 * MIB + 512), '256 of 256 MiB (100 %)');
  t.equal(share(256 * MIB, 256 * MIB + 512), '256 of 256 MiB (99 %)');
  t.equal(share(512, 8192 * MIB), '512 B of 8 GiB (less than 1 %)');
  t.equal(share(0, MIB), '0 of 1 MiB (0 %)');
  t.equal(share(0, 0), '0 of 0 B (100 %)');
  t.equal(short(250 * MIB), '250 MiB');
  t.equal(short(1.5 * MIB), '1.5 MiB');
  t.end();
});

t.test('the time has a tenth of a second below ten; the rate is left out if nothing was moved', (t) => {
  t.strictSame(paceWords({ durationMs: 1234, bytesPerSecond: 0 }), ['1.2 s']);
  t.strictSame(paceWords({ durationMs: 12_345, bytesPerSecond: 1.25 * MIB }), ['12 s', '1.3 MiB/s']);
  t.end();
});
