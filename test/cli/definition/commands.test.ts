import t from 'tap';
import { COMMANDS } from '../../../src/cli/definition/commands.js';
import { IMAGE_FLAGS } from '../../../src/cli/definition/shared-flags.js';
import { FORMAT_NAMES } from '../../../src/disk/registry.js';

t.test('a flag has one kind, with and without a value behind an equals sign, in all commands', (t) => {
  const kinds = new Map<string, string>();
  for (const { flags } of COMMANDS) {
    for (const [name, flag] of Object.entries(flags)) {
      const kind = `${flag.kind} ${flag.kind === 'choice' ? (flag.alone ?? '') : ''}`;
      t.equal(kinds.get(name) ?? kind, kind, name);
      kinds.set(name, kind);
    }
  }
  t.end();
});

t.test('--format takes the formats that can be read', (t) => {
  t.strictSame([...IMAGE_FLAGS.format.choices].sort(), [...FORMAT_NAMES].sort());
  t.end();
});

t.test('every command has --json, but those that print help or scripts', (t) => {
  t.strictSame(
    COMMANDS.filter(({ flags }) => !('json' in flags)).map(({ name }) => name),
    ['completion', 'help'],
  );
  t.end();
});
