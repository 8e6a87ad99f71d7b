import { join } from 'node:path';
import t from 'tap';
import { rate } from '../../src/cli/units.js';
import { writeImage } from '../../fixtures/vhd.js';
import { bytesOf } from '../support/blobs.js';
import { runCli } from '../support/cli.js';
import { stage } from '../support/stage.js';

const MIB = 1024 * 1024;

t.test('a rate has an amount and a unit', (t) => {
  for (const [text, bytes] of [
    ['50MiB/s', 50 * MIB],
    ['50 MiB', 50 * MIB],
    ['1.5MB/s', 1.5e6],
    ['400kB', 400e3],
    ['2GiB/s', 2 * 1024 ** 3],
    ['1GB', 1e9],
    ['4096B/s', 4096],
    ['64KiB', 65536],
  ] as const)
    t.equal(rate(text), bytes, text);
  for (const text of ['50', '50/s', '', 'MiB', '-1MiB', '0MiB', '1B', '1e9B', '50mb', '50 Mbit/s', '50MiB/m', 'fast'])
    t.equal(rate(text), undefined, text);
  t.end();
});

t.test('--limit without a unit is refused, with an example', async (t) => {
  for (const args of [
    ['--limit', '50'],
    ['--limit', '0MiB/s'],
    ['--limit', '1MiB', '--limit', '2MiB'],
    ['--concurrency', '0'],
    ['--concurrency', '513'],
    ['--concurrency', '1.5'],
  ]) {
    const { exitCode, stderr } = await runCli(
      ['push', 'disk.vhd', '--to', 'https://acct.blob.core.windows.net/vhds/disk.vhd', ...args],
      {},
    );
    t.equal(exitCode, 2, args.join(' '));
    if (args[1] === '50') t.match(stderr, /such as 50M or/);
  }
});

t.test('--limit holds for push, verify and pull', async (t) => {
  const { folder, env, uri, container, gate } = await stage(t);
  const content = Buffer.alloc(2 * MIB, 7);
  const { path } = await writeImage({
    path: join(folder, 'disk.vhd'),
    type: 'fixed',
    size: 2 * MIB,
    writes: [{ offset: 0, data: content }],
  });
  for (const args of [
    ['push', path, '--to', uri('disk')],
    ['verify', path, uri('disk')],
    ['pull', uri('disk'), join(folder, 'out.vhd')],
  ]) {
    gate.records = [];
    const begun = performance.now();
    const { exitCode, stderr } = await runCli([...args, '--limit', '2MiB/s'], env);
    t.equal(exitCode, 0, stderr);
    // The last request begins when those before it have had their time.
    t.ok(performance.now() - begun >= 500, args.join(' '));
    const sizes = gate.records
      .filter(({ kind }) => kind === 'put-page' || kind === 'read')
      .map(({ range }) => range?.length ?? 0);
    t.ok(sizes.length >= 2 && sizes.every((length) => length <= MIB), sizes.join(' '));
  }
  t.ok((await bytesOf(container, 'disk')).subarray(0, -512).equals(content));
});
