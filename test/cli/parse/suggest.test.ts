import t from 'tap';
import { closest, didYouMean } from '../../../src/cli/parse/suggest.js';

t.test('a typing error gets the name that was meant, another word gets none', (t) => {
  const names = ['push', 'pull', 'verify', 'status', 'concurrency'];
  for (const [typed, name] of [
    ['pusch', 'push'],
    ['psuh', 'push'],
    ['VERIFY', 'verify'],
    ['verfiy', 'verify'],
    ['concurency', 'concurrency'],
    ['frobnicate', undefined],
    ['', undefined],
    ['x'.repeat(100_000), undefined],
  ] as const)
    t.equal(closest(typed, names), name, typed.slice(0, 20));
  t.equal(didYouMean('dryrun', ['dry-run'], '--'), '; did you mean --dry-run?');
  t.equal(didYouMean('frobnicate', names), '');
  t.end();
});
