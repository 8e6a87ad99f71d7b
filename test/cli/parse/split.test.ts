import t from 'tap';
import { splitArguments } from '../../../src/cli/parse/split.js';

const split = (...args: string[]) => {
  const { words, given } = splitArguments(args);
  return { words, given: Object.fromEntries(given) };
};

t.test('flags and words may be in any order, values behind a space or an equals sign', (t) => {
  const expected = { words: ['push', 'a.vhd', 'uri'], given: { limit: ['5M'], json: ['true'] } };
  t.strictSame(split('push', 'a.vhd', 'uri', '--limit', '5M', '--json'), expected);
  t.strictSame(split('push', '--json', 'a.vhd', '--limit=5M', 'uri'), expected);
  t.strictSame(split('push', '--', '--json', '-n'), { words: ['push', '--json', '-n'], given: {} });
  t.strictSame(split('info', '5', '1e3', '0x10').words, ['info', '5', '1e3', '0x10'], 'words stay as they are typed');
  t.end();
});

t.test('a switch never takes the next word for its value', (t) => {
  t.strictSame(split('info', '--json', 'true'), { words: ['info', 'true'], given: { json: ['true'] } });
  t.strictSame(split('push', '--verify', 'disk.vhd', '--seal', 'uri').words, ['push', 'disk.vhd', 'uri']);
  t.end();
});

t.test('letters may be given together; every switch can be turned off', (t) => {
  t.strictSame(split('push', '-nqv').given, { 'dry-run': ['true'], quiet: ['true'], verbose: ['true'] });
  t.strictSame(split('push', '--no-cache', '--no-quiet').given, { cache: ['false'], quiet: ['false'] });
  t.strictSame(Object.keys(split('push', '-nx').given), ['nx'], 'an unknown letter makes all of it unknown');
  t.end();
});

t.test('the last flag without its value has an empty one, and takes no other flag for it', (t) => {
  t.strictSame(split('push', '--to').given, { to: [''] });
  t.strictSame(split('push', '--to=').given, { to: [''] });
  t.strictSame(split('push', '--to', '').given, { to: [''] });
  t.strictSame(split('push', '--to', '--json').given, { to: [''], json: ['true'] });
  t.end();
});

t.test('a flag with an optional value says that it needs the equals sign', (t) => {
  t.throws(() => split('push', 'disk', '--verify', 'all'), { code: 'usage', message: /--verify=all/ });
  t.throws(() => split('push', 'disk', '--seal', 'lease'), { code: 'usage', message: /--seal=lease/ });
  t.strictSame(split('verify', 'all', 'uri').words, ['verify', 'all', 'uri'], 'a file of that name is none');
  t.strictSame(split('push', '--verify=all', '--seal').given, { verify: ['all'], seal: ['lease'] });
  t.end();
});

t.test('names of the language are names like others', (t) => {
  t.strictSame(Object.keys(split('push', '--constructor', '--to.a', 'x').given).sort(), ['constructor', 'to.a']);
  t.end();
});

t.test('the name of a file that begins with a dash is refused, and the hint says how to write it', (t) => {
  for (const name of ['-disk.vhd', '-a/b'])
    t.throws(() => splitArguments(['push', name]), { code: 'usage', hint: `if it is a file, write ./${name}` }, name);
  t.strictSame(splitArguments(['push', './-disk.vhd', '--', '-disk.vhd']).words, ['push', './-disk.vhd', '-disk.vhd']);
  t.doesNotThrow(() => splitArguments(['push', '--limit=-1.5M', '-nq']), 'flags with a dot in their value are none');
  t.end();
});
