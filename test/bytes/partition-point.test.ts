import fc from 'fast-check';
import t from 'tap';
import { partitionPoint } from '../../src/bytes/partition-point.js';
import { seedOfRun } from '../support/scale.js';

t.test('of any list it finds how many are before a place, and looks at few of them', (t) => {
  const seed = seedOfRun();
  t.comment(`seed ${seed}`);
  fc.assert(
    fc.property(fc.array(fc.nat(50)), fc.nat(50), (values, place) => {
      const ascending = values.sort((a, b) => a - b);
      let looks = 0;
      const found = partitionPoint(ascending.length, (index) => {
        looks++;
        return (ascending[index] ?? NaN) < place;
      });
      if (found !== ascending.filter((value) => value < place).length) throw new Error(`${found}`);
      if (looks > Math.ceil(Math.log2(ascending.length + 1))) throw new Error(`${looks} looks`);
    }),
    { seed },
  );
  t.pass('any list');
  t.end();
});
