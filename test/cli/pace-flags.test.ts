import t from 'tap';
import { nameFlags } from '../../src/cli/flag-names.js';
import { paceOptions } from '../../src/cli/pace-flags.js';

nameFlags();

t.test('a rate needs a unit, and the number of requests is a whole one from 1 to 512', (t) => {
  t.strictSame(paceOptions({ concurrency: 8, limit: '50M' }), { concurrency: 8, limit: 50 * 1024 ** 2 });
  for (const limit of ['50', '0M', '1K/m'])
    t.throws(() => paceOptions({ concurrency: undefined, limit }), { code: 'usage', message: /50M/ });
  for (const concurrency of [0, 513, 1.5])
    t.throws(() => paceOptions({ concurrency, limit: undefined }), { code: 'usage', message: /--concurrency/ });
  t.end();
});
