import { open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { runCli } from '../support/cli.js';
import { MIB, data, goldenScene, over, single } from './disks.js';
import { expectedFiles } from './expected.js';
import { localStage } from './golden-stage.js';

const COMMANDS = ['push', 'pull', 'verify', 'info', 'map', 'check', 'status', 'abort', 'seal', 'unseal'];
const compareHelp = expectedFiles(t, 'help');
const compare = expectedFiles(t, 'local');

t.test('the help of every command is as it was', async (t) => {
  await Promise.all(
    [[], ...COMMANDS.map((command) => [command])].map(async (words) => {
      const { exitCode, stdout, stderr } = await runCli([...words, '--help']);
      t.equal(exitCode, 0);
      t.equal(stderr, '');
      compareHelp(t, words[0] ?? 'vhdup', stdout);
    }),
  );
});

t.test('what is said of local disks is as it was', async (t) => {
  const { folder, goldens } = await localStage(t, compare);
  const { base, child, fixed } = await goldenScene(folder);
  const runs = Object.entries({ dynamic: base, chain: child, fixed }).flatMap(([name, { path }]) =>
    ['info', 'map', 'check'].map((command) => [`${command}-${name}`, [command, path, '--json']] as const),
  );
  const texts = ['info', 'map', 'check'].map((command) => [`${command}-text`, [command, child.path]] as const);
  await goldens(t, Object.fromEntries([...runs, ...texts]));
});

t.test('what is said of damaged disks is as it was', async (t) => {
  const { folder, goldens } = await localStage(t, compare);
  const damaged = await single(
    { path: join(folder, 'damaged.vhd'), type: 'dynamic', size: 4 * MIB, writes: [data(0, 512)] },
    21,
  );
  const file = await open(damaged.path, 'r+');
  // The dynamic header's version, then a place of a block beyond the end of the file.
  await file.write(Buffer.from([9]), 0, 1, 512 + 24);
  await file.write(Buffer.from([0x7f]), 0, 1, 1536);
  await file.close();
  const orphan = await over(
    { ...damaged, path: join(folder, 'gone.vhd') },
    join(folder, 'orphan.vhd'),
    [data(0, 512)],
    22,
  );
  const text = join(folder, 'not a disk.vhd');
  await writeFile(text, 'no disk\n'.repeat(512));
  await goldens(t, {
    'info-damaged': ['info', damaged.path, '--json'],
    'info-damaged-text': ['info', damaged.path],
    'map-damaged': ['map', damaged.path, '--json'],
    'check-damaged': ['check', damaged.path, '--json'],
    'check-damaged-text': ['check', damaged.path],
    'info-orphan': ['info', orphan.path, '--json'],
    'check-orphan': ['check', orphan.path, '--json'],
    'info-not-a-disk': ['info', text, '--json'],
    'check-not-a-disk': ['check', text, '--json'],
    'info-missing': ['info', join(folder, 'missing.vhd'), '--json'],
    'check-missing': ['check', join(folder, 'missing.vhd'), '--json'],
  });
});

t.test('what is said of wrong usage is as it was', async (t) => {
  const { goldens } = await localStage(t, compare);
  const uri = 'https://account.blob.core.windows.net/vhds/disk.vhd';
  await goldens(t, {
    'usage-no-command': [],
    'usage-unknown-command': ['pusch', 'disk.vhd', '--json'],
    'usage-unknown-flag': ['push', 'disk.vhd', '--too', uri, '--json'],
    'usage-missing-argument': ['verify', 'disk.vhd', '--json'],
    'usage-limit': ['push', 'disk.vhd', '--to', uri, '--limit', '5', '--json'],
    'usage-limit-text': ['push', 'disk.vhd', '--to', uri, '--limit', '5'],
    'usage-concurrency': ['pull', uri, 'out.vhd', '--concurrency', '0', '--json'],
    'usage-gap': ['push', 'disk.vhd', '--to', uri, '--gap', '5MiB', '--json'],
    'usage-twice': ['push', 'disk.vhd', '--to', uri, '--to', uri, '--json'],
    'usage-seal': ['push', 'disk.vhd', '--to', uri, '--seal=wax', '--json'],
    'usage-seal-days': ['seal', uri, '--immutable', '--days', '0', '--json'],
    'usage-check-blob': ['check', uri, '--json'],
    'usage-map-blob': ['map', uri, '--json'],
    'usage-push-blob': ['push', uri, '--to', uri, '--json'],
    'usage-pull-file': ['pull', 'disk.vhd', 'out.vhd', '--json'],
    'usage-verify-order': ['verify', uri, 'disk.vhd', '--json'],
  });
});
