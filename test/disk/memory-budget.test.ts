import t from 'tap';
import { MemoryBudget } from '../../src/disk/memory-budget.js';

t.test('a budget is shared: what is refused takes nothing, what is released can be reserved again', (t) => {
  const budget = new MemoryBudget(100);
  t.equal(budget.reserve(60), true);
  t.equal(budget.reserve(41), false);
  t.equal(budget.reserve(40), true);
  t.equal(budget.reserve(1), false);
  budget.release(40);
  t.equal(budget.reserve(40), true);
  t.end();
});
