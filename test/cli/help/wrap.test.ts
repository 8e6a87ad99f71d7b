import t from 'tap';
import { columns, helpWidth, wrap } from '../../../src/cli/help/wrap.js';

t.test('lines break at spaces only, and a URI stays whole', (t) => {
  const uri = 'https://acct.blob.core.windows.net/vhds/disk.vhd';
  t.strictSame(wrap(`one two ${uri} three`, 12), ['one two', uri, 'three']);
  t.strictSame(wrap('exactly ten', 11), ['exactly ten']);
  t.strictSame(wrap('exactly ten', 10), ['exactly', 'ten']);
  t.strictSame(wrap('', 10), ['']);
  t.end();
});

t.test('two columns, and one below the other if there is no room', (t) => {
  t.strictSame(columns([['-n', 'a b c d e']], 12), ['  -n  a b c', '      d e']);
  t.strictSame(columns([['--a-long-flag', 'some text']], 20), ['  --a-long-flag', '      some text']);
  t.end();
});

t.test('help is as wide as the terminal, from 40 to 100 columns; 80 in a pipe', (t) => {
  t.strictSame([undefined, 0, 20, 40, 80, 120].map(helpWidth), [80, 80, 40, 40, 80, 100]);
  t.end();
});
