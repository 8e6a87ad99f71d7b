import t from 'tap';
import { requireValidNames } from '../../src/azure/names.js';
import { parseBlobUri } from '../../src/azure/location.js';

t.test('names that the service refuses are refused before any request, and the rule is named', (t) => {
  for (const [container, rule] of [
    ['ab', /it has 2 characters/],
    ['a'.repeat(64), /64 characters/],
    ['Vhds', /upper-case/],
    ['my_vhds', /other than letters, digits and hyphens/],
    ['-vhds', /begins or ends/],
    ['vhds-', /begins or ends/],
    ['vh--ds', /two hyphens/],
  ] as const)
    t.throws(
      () => {
        requireValidNames(container, 'b');
      },
      { code: 'usage', message: rule, hint: /3 to 63/ },
    );
  t.throws(() => parseBlobUri('https://acct.blob.core.windows.net/ab/x.vhd'), { code: 'usage', message: /"ab"/ });
  for (const name of ['x'.repeat(1025), 'a/'.repeat(254) + 'b'])
    t.throws(
      () => {
        requireValidNames('vhds', name);
      },
      { code: 'usage' },
    );
  t.end();
});

t.test('what the service accepts passes', (t) => {
  for (const container of ['abc', 'a-b-c', '0-9', 'a'.repeat(63), '$root', '$web', '$logs'])
    t.doesNotThrow(() => {
      requireValidNames(container, 'b');
    }, container);
  for (const name of ['x'.repeat(1024), '\u{1f4bf}'.repeat(1024), 'a/'.repeat(253) + 'b', 'ends.', 'a b/c', '..'])
    t.doesNotThrow(() => {
      requireValidNames('vhds', name);
    });
  t.end();
});
