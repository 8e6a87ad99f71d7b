import t from 'tap';
import { amount, count, duration, grouped, rate } from '../../src/cli/units.js';

t.test('numbers and times for people', (t) => {
  t.strictSame([0, 999, 1000, 1234567].map(grouped), ['0', '999', '1,000', '1,234,567']);
  t.strictSame(
    [count(1, 'request'), count(0, 'request'), count(1234, 'request')],
    ['1 request', '0 requests', '1,234 requests'],
  );
  t.strictSame([-1, 0.4, 59.4, 59.6, 187, 3729].map(duration), [
    '0 s',
    '0 s',
    '59 s',
    '1:00 min',
    '3:07 min',
    '1:02:09 h',
  ]);
  t.end();
});

t.test('amounts need a unit; a rate is at least 1 KiB', (t) => {
  t.strictSame(['245KiB', '1.5 MiB', '2MB', '0B', '245K', '50M', '1.5G', '2T', '3TiB', '4TB'].map(amount), [
    245 * 1024,
    1.5 * 1024 ** 2,
    2e6,
    0,
    245 * 1024,
    50 * 1024 ** 2,
    1.5 * 1024 ** 3,
    2 * 1024 ** 4,
    3 * 1024 ** 4,
    4e12,
  ]);
  for (const text of ['', '5', '5 mib', '-1MiB', '1,5MiB', '1e3MiB', '5MiB/s', 'MiB', '5 toString', '5 k', '5m', '5KB'])
    t.equal(amount(text), undefined, text);
  t.strictSame(
    [rate('50MiB/s'), rate('400 kB'), rate('1KiB'), rate('50M/s')],
    [50 * 1024 ** 2, 400_000, 1024, 50 * 1024 ** 2],
  );
  for (const text of ['1023B', '0MiB/s', '50MiB/m']) t.equal(rate(text), undefined, text);
  t.end();
});
