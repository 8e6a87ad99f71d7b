import t from 'tap';
import { wantsJson } from '../../../src/cli/parse/wants-json.js';

t.test('errors are JSON if JSON was asked for, even with a wrong value', (t) => {
  for (const args of [['--json'], ['--json=true'], ['--json=yes'], ['--no-json', '--json']])
    t.equal(wantsJson(args, {}), true, args.join(' '));
  for (const args of [[], ['--json=false'], ['--json', '--no-json'], ['--', '--json'], ['--jsonx']])
    t.equal(wantsJson(args, {}), false, args.join(' '));
  for (const yes of ['1', 'true', 'Yes']) t.equal(wantsJson([], { VHDUP_JSON: yes }), true, yes);
  t.equal(wantsJson(['--no-json'], { VHDUP_JSON: '1' }), false);
  t.equal(wantsJson([], { VHDUP_JSON: '0' }), false);
  t.end();
});
