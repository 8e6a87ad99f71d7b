import { delimiter } from 'node:path';
import t from 'tap';
import { COMMANDS } from '../../../src/cli/definition/commands.js';
import { variableOf } from '../../../src/cli/definition/flag.js';
import { PULL } from '../../../src/cli/definition/pull.js';
import { PUSH } from '../../../src/cli/definition/push.js';
import { VERIFY } from '../../../src/cli/definition/read.js';
import { splitArguments } from '../../../src/cli/parse/split.js';
import { usageOf, valuesOf } from '../../../src/cli/parse/values.js';

const push = (args: readonly string[], environment: NodeJS.ProcessEnv = {}) =>
  valuesOf(PUSH, splitArguments(['push', 'disk.vhd', ...args]), environment);

t.test('values have their kinds, and defaults without a flag', (t) => {
  t.match(push(['--concurrency', '8', '--parent-dir', 'a', '--parent-dir=b', '--no-cache', '-n']).values, {
    disk: 'disk.vhd',
    dest: undefined,
    concurrency: 8,
    parentDir: ['a', 'b'],
    cache: false,
    dryRun: true,
  });
  t.match(push([]).values, {
    concurrency: undefined,
    parentDir: [],
    cache: true,
    dryRun: false,
    baseCheck: 'content',
    contentMd5: undefined,
    verify: undefined,
  });
  t.equal(push(['--verify']).values.verify, 'sent');
  t.equal(valuesOf(PULL, splitArguments(['pull', 'uri', 'file']), {}).values.format, 'dynamic');
  t.end();
});

t.test('what is wrong with an argument is said in words, and with its name', (t) => {
  for (const [args, message] of [
    [['--to'], '--to needs a value'],
    [['--to='], '--to needs a value'],
    [['--to', ' '], '--to needs a value'],
    [['--parent-dir', ''], '--parent-dir needs a value'],
    [['--format'], '--format needs a value: vhd, vhdx, qcow2 or raw'],
    [['--verify='], '--verify needs a value: sent or all'],
    [['--format', 'vmdk'], '--format takes vhd, vhdx, qcow2 or raw, not "vmdk"'],
    [['--content-md5', 'now'], '--content-md5 takes auto, always or never, not "now"'],
    [['--json=yes'], '--json takes no value but true or false, not "yes"'],
    [['--concurrency', '3', '--concurrency', '4'], '--concurrency was given more than once'],
    [['--to', 'a', '--to', 'a'], '--to was given more than once'],
    [['--quiet', '--no-quiet'], '--quiet was given more than once'],
    [['--concurrency', 'many'], '--concurrency takes a number, not "many"'],
    [['--concurrency', '0x10'], '--concurrency takes a number, not "0x10"'],
    [['--too', 'x'], 'push has no flag --too; did you mean --to?'],
    [['--dryrun'], 'push has no flag --dryrun; did you mean --dry-run?'],
    [['--no-to'], /^push has no flag --no-to/],
    [['--no-cache=true'], '--no-cache takes no value'],
    [['--constructor'], 'push has no flag --constructor'],
    [['--deep'], /^push has no flag --deep/],
    [['-x'], 'push has no flag -x'],
    [['uri', 'more'], '"more" is one argument too many for push'],
    [[''], 'DEST is empty'],
    [[' '], 'DEST is empty'],
  ] as const)
    t.throws(() => push(args), { code: 'usage', message }, args.join(' '));
  t.throws(() => valuesOf(VERIFY, splitArguments(['verify', 'disk.vhd']), {}), { message: /^verify needs BLOB/ });
  t.strictSame(push(['-v', '-v']).values.verbose, true, 'a switch may be repeated');
  t.end();
});

t.test('an environment variable sets a flag, and the flag wins', (t) => {
  const environment = {
    VHDUP_CONCURRENCY: '8',
    VHDUP_LIMIT: '50M',
    VHDUP_QUIET: 'Yes',
    VHDUP_NO_CACHE: '1',
    VHDUP_PARENT_DIR: ['a', '', 'b', ''].join(delimiter),
    VHDUP_VERIFY: 'all',
  };
  const { values, fromVariables } = push([], environment);
  t.match(values, {
    concurrency: 8,
    limit: '50M',
    quiet: true,
    cache: false,
    parentDir: ['a', 'b'],
    verify: 'all',
  });
  t.equal(fromVariables.get('--limit'), 'VHDUP_LIMIT');
  const flags = push(
    ['--concurrency=2', '--limit=1M', '--no-quiet', '--cache', '--parent-dir=c', '--verify'],
    environment,
  );
  t.match(flags.values, { concurrency: 2, limit: '1M', quiet: false, cache: true, verify: 'sent' });
  t.strictSame(flags.values.parentDir, ['c']);
  t.equal(flags.fromVariables.size, 0);
  t.match(push([], { VHDUP_LIMIT: '', VHDUP_NO_CACHE: '0' }).values, { limit: undefined, cache: true });
  t.end();
});

t.test('a wrong variable is named', (t) => {
  t.throws(() => push([], { VHDUP_QUIET: 'maybe' }), { code: 'usage', message: /^VHDUP_QUIET takes 1, 0/ });
  t.throws(() => push([], { VHDUP_CONCURRENCY: 'many' }), { code: 'usage', message: /^VHDUP_CONCURRENCY/ });
  t.throws(() => push([], { VHDUP_VERIFY: 'maybe' }), { code: 'usage', message: /^VHDUP_VERIFY/ });
  t.end();
});

t.test('no variable names a file or a blob, changes what is uploaded, or makes a command do or check less', (t) => {
  const names = COMMANDS.flatMap(({ flags }) =>
    Object.entries(flags).flatMap(([name, flag]) => variableOf(name, flag) ?? []),
  );
  t.strictSame([...new Set(names)].sort(), [
    'VHDUP_CONCURRENCY',
    'VHDUP_JSON',
    'VHDUP_LIMIT',
    'VHDUP_NO_CACHE',
    'VHDUP_PARENT_DIR',
    'VHDUP_QUIET',
    'VHDUP_REQUIRE_SEALED_BASE',
    'VHDUP_VERBOSE',
    'VHDUP_VERIFY',
  ]);
  const closed = ['FORMAT', 'OVERWRITE', 'BASE_CHECK', 'YES', 'TO', 'BASE', 'DRY_RUN', 'SEAL', 'IGNORE_CHECKSUM'];
  const environment = Object.fromEntries([...closed, 'SEED', 'GOLDEN'].map((name) => [`VHDUP_${name}`, 'sent']));
  t.strictSame(push([], environment).values, push([]).values);
  t.end();
});

t.test('the line of usage shows which words may be left out', (t) => {
  t.equal(usageOf(PUSH), 'vhdup push DISK [DEST] [flags]');
  t.equal(usageOf(VERIFY), 'vhdup verify DISK BLOB [flags]');
  t.end();
});
