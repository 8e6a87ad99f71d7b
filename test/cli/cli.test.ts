import { mkdir, readdir, rename, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import t from 'tap';
import { exitCodeOf } from '../../src/cli/exit-code.js';
import { printable } from '../../src/cli/output.js';
import { count, duration, grouped, size } from '../../src/cli/units.js';
import { runCli } from '../support/cli.js';
import { temporaryFolder } from '../support/folder.js';
import { threeLevels } from '../support/push-scene.js';
import { stage } from '../support/stage.js';

t.test('exit codes are what the documents say, and stay so', (t) => {
  const codes = {
    unexpected: 1,
    usage: 2,
    'disk-unreadable': 3,
    'disk-invalid': 3,
    'disk-unsupported': 3,
    'chain-broken': 3,
    'base-mismatch': 4,
    'destination-exists': 5,
    'destination-busy': 5,
    'destination-missing': 5,
    'seal-refused': 5,
    'blob-unfinished': 5,
    'not-authorised': 6,
    'transfer-failed': 7,
    'lease-lost': 7,
    'output-unwritable': 7,
    'source-changed': 8,
    'content-differs': 9,
    'service-unreachable': 10,
    cancelled: 130,
  } as const;
  for (const [code, exit] of Object.entries(codes)) t.equal(exitCodeOf(code as keyof typeof codes), exit, code);
  for (const code of ['transfer-failed', 'output-unwritable'] as const)
    t.equal(exitCodeOf(code, false), 10, `${code}, and a repeat does not help`);
  t.end();
});

t.test('help and version go to stdout; wrong words are told on stderr, with exit code 2', async (t) => {
  for (const args of [
    [],
    ['--help'],
    ['help'],
    ['help', 'exit-codes'],
    ['push', '--help'],
    ['push', '-h'],
    ['push', '--help-all'],
    ['completion', 'bash'],
    ['info', '--help'],
    ['pull', '--help'],
    ['map', '--help'],
    ['--version'],
    ['-V'],
    ['push', '--version'],
  ]) {
    const { exitCode, stdout, stderr } = await runCli(args);
    t.equal(exitCode, 0, args.join(' '));
    t.ok(stdout.length > 5);
    t.equal(stderr, '');
    t.notMatch(stdout, /REDACTED/);
  }
  const scene = await threeLevels(await temporaryFolder(t));
  for (const args of [
    ['--json=false'],
    ['push'],
    ['push', 'x.vhd'],
    ['push', 'x.vhd', '--to'],
    ['push', 'x.vhd', 'nowhere'],
    ['push', 'x.vhd', 'https://a.blob.core.windows.net/c/b', '--to', 'https://a.blob.core.windows.net/c/other'],
    ['push', '-', 'https://a.blob.core.windows.net/c/b'],
    ['push', '', 'https://a.blob.core.windows.net/c/b'],
    ['help', 'nonsense'],
    ['completion', 'tcsh'],
    ['push', 'x.vhd', '--nonsense'],
    ['frobnicate'],
    ['push', 'x.vhd', '--to', 'nowhere'],
    ['push', 'x.vhd', '--to', 'https://a.blob.core.windows.net/vhds/b', '--concurrency', 'many'],
    ['push', 'https://a/b/c', '--to', 'x'],
  ]) {
    const { exitCode, stdout, stderr } = await runCli(args.map((arg) => (arg === 'x.vhd' ? scene.child : arg)));
    t.equal(exitCode, 2, args.join(' '));
    t.equal(stdout, '');
    t.match(stderr, /^vhdup: /m);
  }
});

t.test('info and map tell of a chain, to people and to programs', async (t) => {
  const folder = await temporaryFolder(t);
  const scene = await threeLevels(folder);
  const info = await runCli(['info', scene.child]);
  t.equal(info.exitCode, 0);
  t.match(info.stdout, /differencing[\s\S]*chain[\s\S]*mïddle\.vhd[\s\S]*base disk\.vhd/);
  t.match(JSON.parse((await runCli(['info', scene.child, '--json'])).stdout), {
    vhdup: 2,
    virtualSize: scene.content.length,
    id: scene.ids.child,
    layers: [{ type: 'differencing' }, { id: scene.ids.middle }, { type: 'dynamic' }],
  });
  const { extents } = JSON.parse((await runCli(['map', scene.child, '--json'])).stdout) as {
    extents: { offset: number; length: number }[];
  };
  t.equal(
    extents.reduce((end, { offset, length }) => (offset === end ? end + length : Number.NaN), 0),
    scene.content.length,
  );
  t.match((await runCli(['map', scene.child])).stdout, /data {2}.*child\.vhd/);
});

t.test('--parent-dir may be given more than once; --to may not', async (t) => {
  const folder = await temporaryFolder(t);
  const scene = await threeLevels(folder);
  for (const [name, path] of [
    ['a', scene.base],
    ['b', scene.middle],
  ] as const) {
    await mkdir(join(folder, name));
    await rename(path, join(folder, name, basename(path)));
  }
  const dirs = ['--parent-dir', join(folder, 'a'), '--parent-dir', join(folder, 'b')];
  t.equal((await runCli(['info', ...dirs, scene.child])).exitCode, 0);
  t.equal((await runCli(['info', ...dirs.slice(0, 2), scene.child])).exitCode, 3);
  t.equal(
    (
      await runCli([
        'push',
        ...dirs,
        scene.child,
        '--to',
        'https://a.blob.core.windows.net/vhds/x',
        '--to',
        'https://a.blob.core.windows.net/vhds/y',
      ])
    ).exitCode,
    2,
  );
});

t.test('a disk that is none: exit code 3, the error as JSON where asked for', async (t) => {
  const path = join(await temporaryFolder(t), 'no disk.vhd');
  await writeFile(path, Buffer.alloc(2048, 7));
  const { exitCode, stdout } = await runCli(['info', path, '--json']);
  t.equal(exitCode, 3);
  t.match(JSON.parse(stdout), {
    vhdup: 2,
    command: 'info',
    error: { code: 'disk-invalid', message: path, retryable: false },
    exitCode: 3,
  });
  t.equal((await runCli(['info', `${path}.missing`])).exitCode, 3);
});

t.test('no secret is in any output', async (t) => {
  const { folder, gate, uri: blob } = await stage(t);
  const scene = await threeLevels(folder);
  const canary = 'Y2FuYXJ5LXNlY3JldC1jYW5hcnktc2VjcmV0';
  const sas = `sv=2024-01-01&ss=b&srt=sco&sp=rwdlac&se=2030-01-01&sig=${canary}`;
  const env = { VHDUP_STATE_DIR: join(folder, 'state') };
  const uri = blob('x.vhd');
  const key = { AZURE_STORAGE_ACCOUNT: 'devstoreaccount1', AZURE_STORAGE_KEY: canary };
  for (const [args, more] of [
    [['push', scene.child, '--to', `${uri}?${sas}`], {}],
    [['push', scene.child, '--base', `${uri}?${sas}`], {}],
    [['push', scene.child, '--to', uri], key],
    [['push', scene.child, '--to', uri], { AZURE_STORAGE_ACCOUNT: 'devstoreaccount1', AZURE_STORAGE_SAS_TOKEN: sas }],
    [
      ['push', scene.child, '--to', uri],
      { AZURE_STORAGE_CONNECTION_STRING: `AccountName=devstoreaccount1;AccountKey=${canary};BlobEndpoint=${gate.url}` },
    ],
    [['info', `${uri}?${sas}`], {}],
    [['push', scene.child, '--to', `nowhere?${sas}`], {}],
    [['push', scene.child, '--to', `https://?${sas}`], {}],
    [['push', scene.child, `${uri}?${sas}`], {}],
  ] as const) {
    const { exitCode, stdout, stderr } = await runCli(args, { ...env, ...more });
    t.notMatch(stdout + stderr, canary, `exit code ${exitCode}`);
    t.ok(exitCode === 6 || exitCode === 2, stdout + stderr);
  }
});

t.test('a missing container is told', async (t) => {
  const { folder, gate, env } = await stage(t);
  const scene = await threeLevels(folder);
  const { exitCode, stderr } = await runCli(['push', scene.child, '--to', `${gate.url}/none/x.vhd`], env);
  t.equal(exitCode, 5);
  t.match(stderr, /container/);
});

t.test('control characters in names are shown, not sent to the terminal', (t) => {
  t.equal(printable('a\u001b[31mb\u0007\nc'), 'a\\x1b[31mb\\x07\nc');
  t.end();
});

t.test('amounts are told in IEC units, times as people say them', (t) => {
  t.strictSame([0, 512, 1536, 3 * 1024 ** 3].map(size), ['0 B', '512 B', '1.5 KiB', '3.0 GiB']);
  t.strictSame([5, 187, 3729].map(duration), ['5 s', '3:07 min', '1:02:09 h']);
  t.strictSame([0, 999, 1000, 12345, 1234567].map(grouped), ['0', '999', '1,000', '12,345', '1,234,567']);
  t.strictSame([count(1, 'request'), count(2048, 'request')], ['1 request', '2,048 requests']);
  t.end();
});

t.test('a pull to nowhere is refused before any request, and leaves nothing behind', async (t) => {
  const { folder, gate, env, uri } = await stage(t);
  for (const out of ['-', '', ' ']) {
    const { exitCode, stderr } = await runCli(['pull', uri('disk'), out], env);
    t.equal(exitCode, 2, stderr);
  }
  t.equal(gate.records.length, 0);
  t.strictSame(
    (await readdir(folder)).filter((name) => /part|^-$/.test(name)),
    [],
  );
});

t.test('DEST is the same as --to, and both may be given if they are equal', async (t) => {
  const { folder, env, uri } = await stage(t);
  const scene = await threeLevels(folder);
  const json = async (...args: string[]) =>
    JSON.parse((await runCli(['push', scene.base, ...args, '-n', '--json'], env)).stdout) as object;
  const expected = await json('--to', uri('disk'));
  t.match(expected, { action: 'push' });
  t.strictSame(await json(uri('disk')), expected);
  t.strictSame(await json(uri('disk'), '--to', uri('disk')), expected);
});

t.test('a variable that sets a flag is named in its error', async (t) => {
  const { exitCode, stderr } = await runCli(['push', 'x.vhd', 'https://a.blob.core.windows.net/c/b'], {
    VHDUP_LIMIT: '50',
  });
  t.equal(exitCode, 2);
  t.match(stderr, /--limit takes an amount[\s\S]*VHDUP_LIMIT sets --limit/);
});

t.test('push without a destination and a base says which argument is missing', async (t) => {
  const { exitCode, stderr } = await runCli(['push', 'disk.vhd']);
  t.equal(exitCode, 2);
  t.match(stderr, 'push needs DEST or --base: vhdup push DISK [DEST] [flags]');
});
