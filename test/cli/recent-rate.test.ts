import t from 'tap';
import { RecentRate } from '../../src/cli/recent-rate.js';

t.test('a rate is that of the last seconds, not of all time', (t) => {
  const rate = new RecentRate();
  for (let second = 0; second <= 60; second++) rate.add(second * 1000, second * 1000);
  for (let second = 61; second <= 75; second++) rate.add(60_000 + (second - 60) * 10, second * 1000);
  t.equal(rate.perSecond(75_000), 10);
  t.end();
});

t.test('a stall is seen while it lasts', (t) => {
  const rate = new RecentRate();
  for (let second = 0; second <= 10; second++) rate.add(second * 1000, second * 1000);
  t.equal(rate.perSecond(10_000), 1000);
  t.equal(rate.perSecond(20_000), 0);
  t.end();
});

t.test('before a second has passed there is no rate; what was there at the start does not count', (t) => {
  const rate = new RecentRate();
  t.equal(rate.perSecond(0), undefined);
  rate.add(1_000_000, 0);
  rate.add(1_000_500, 500);
  t.equal(rate.perSecond(999), undefined);
  rate.add(1_002_000, 2000);
  t.equal(rate.perSecond(2000), 1000);
  t.end();
});

t.test('many samples in a short time keep their sum', (t) => {
  const rate = new RecentRate();
  for (let ms = 0; ms <= 5000; ms++) rate.add(ms, ms);
  t.equal(rate.perSecond(5000), 1000);
  t.end();
});
