import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { writeImage } from '../../fixtures/vhd.js';
import { openDisk } from '../../src/index.js';
import { parseFixedTail } from '../../src/protocol/fixed-vhd.js';
import { bytesOf, endBreak } from '../support/blobs.js';
import { runCli } from '../support/cli.js';
import { killPush } from '../support/killed-push.js';
import { threeLevels } from '../support/push-scene.js';
import { stage, type Stage } from '../support/stage.js';

const MIB = 1024 * 1024;

type Json = Record<string, unknown>;

async function scene(t: Test): Promise<Stage & { readonly run: (...args: string[]) => Promise<Json> }> {
  const on = await stage(t);
  const run = async (...args: string[]): Promise<Json> => {
    const { exitCode, stdout } = await runCli([...args, '--json'], on.env);
    return { exitCode, ...(JSON.parse(stdout) as Json) };
  };
  return { ...on, run };
}

/** A disk with an MBR and random bytes up to its last sector. */
async function rawDisk(folder: string, size: number): Promise<{ readonly path: string; readonly content: Buffer }> {
  const content = randomBytes(size);
  content.fill(0, 446, 510);
  content.set([0x55, 0xaa], 510);
  const path = join(folder, 'disk.img');
  await writeFile(path, content);
  return { path, content };
}

function aligned(content: Uint8Array): Buffer {
  return Buffer.concat([content], Math.ceil(content.length / MIB) * MIB);
}

t.test(
  'without --align a push says, before it writes, how to make the disk one that machines start from',
  async (t) => {
    const { folder, uri, run } = await scene(t);
    const { path } = await rawDisk(folder, 2 * MIB + 1536);
    const hinted = { warnings: [{ code: 'size-not-mib', hint: /--align/ }] };
    t.match(await run('push', path, uri('disk.vhd'), '--dry-run'), {
      exitCode: 0,
      virtualSize: 2 * MIB + 1536,
      ...hinted,
    });
    t.match(await run('push', path, uri('disk.vhd')), { exitCode: 0, virtualSize: 2 * MIB + 1536, ...hinted });
  },
);

t.test('an aligned raw disk of odd size: content, zeros to the next MiB, and a footer with that size', async (t) => {
  const { folder, container, uri, run } = await scene(t);
  const { path, content } = await rawDisk(folder, 2 * MIB + 700);
  t.match(await run('info', path, '--align'), {
    exitCode: 0,
    virtualSize: 3 * MIB,
    layers: [{ virtualSize: 2 * MIB + 1024 }],
  });
  t.match(await run('map', path, '--align'), { exitCode: 0, virtualSize: 3 * MIB });
  const pushed = await run('push', path, uri('disk.vhd'), '--align');
  t.match(pushed, {
    exitCode: 0,
    virtualSize: 3 * MIB,
    blobSize: 3 * MIB + 512,
    warnings: [{ code: 'partial-sector' }],
  });
  const bytes = await bytesOf(container, 'disk.vhd');
  t.ok(bytes.subarray(0, -512).equals(aligned(content)));
  t.match(parseFixedTail(bytes.subarray(-512)), { size: 3 * MIB });
  t.match(await run('verify', path, uri('disk.vhd'), '--align'), { exitCode: 0, equal: true, treeCheck: 'equal' });
  t.match(await run('verify', path, uri('disk.vhd'), '--align', '--no-deep'), { exitCode: 0, equal: true });
  t.match(await run('push', path, uri('disk.vhd'), '--align'), { exitCode: 0, outcome: 'already-there' });
});

t.test('digests of the disk as it is and rounded up are never mixed, whichever was computed first', async (t) => {
  const { folder, container, uri, run } = await scene(t);
  const { path, content } = await rawDisk(folder, 2 * MIB + 1536);
  const push = async (name: string, ...more: string[]) => {
    const result = await run('push', path, uri(name), ...more);
    await endBreak(container, name);
    return result;
  };
  const first = await push('plain.vhd');
  const second = await push('aligned.vhd', '--align');
  t.not(first['contentMd5'], second['contentMd5']);
  t.ok((await bytesOf(container, 'plain.vhd')).subarray(0, -512).equals(content));
  t.ok((await bytesOf(container, 'aligned.vhd')).subarray(0, -512).equals(aligned(content)));
  for (const depth of [[], ['--no-deep']]) {
    t.match(await run('verify', path, uri('plain.vhd'), ...depth), { exitCode: 0, equal: true });
    t.match(await run('verify', path, uri('aligned.vhd'), '--align', ...depth), { exitCode: 0, equal: true });
    t.match(await run('verify', path, uri('plain.vhd'), '--align', ...depth), {
      exitCode: 9,
      problems: [/bytes, the disk with its footer .*: compare it without --align/],
    });
  }
  t.match(await push('plain.vhd', '--align'), { exitCode: 5 }, 'another size is another disk');
  t.match(await push('aligned.vhd'), { exitCode: 5 }, 'in both directions');
  t.match(await push('plain.vhd', '--align', '--overwrite'), { exitCode: 0, contentMd5: second['contentMd5'] });
  t.match(await push('aligned.vhd', '--overwrite'), { exitCode: 0, contentMd5: first['contentMd5'] });
});

t.test('a killed aligned push is resumed by the same command, and by it only', async (t) => {
  const { folder, gate, container, env, uri, run } = await scene(t);
  const { path, content } = await rawDisk(folder, 20 * MIB + 1536);
  const args = ['push', path, uri('disk.vhd'), '--align'];
  let puts = 0;
  t.ok(
    await killPush(gate, args, env, { request: ({ kind }) => kind === 'put-page' && ++puts === 3, moment: 'during' }),
  );
  t.match(await run('push', path, uri('disk.vhd')), { exitCode: 5 });
  t.match(await run(...args), { exitCode: 0, outcome: 'resumed', virtualSize: 21 * MIB });
  t.ok((await bytesOf(container, 'disk.vhd')).subarray(0, -512).equals(aligned(content)));
});

for (const check of ['content', 'md5'] as const)
  t.test(`aligned pushes of a parent and its child: only the differences are sent (base check ${check})`, async (t) => {
    const { folder, container, uri, run } = await scene(t);
    const { base, child, content, baseContent } = await threeLevels(folder, {
      size: 9 * MIB + 512,
      childSize: 9 * MIB + 1536,
    });
    t.match(await run('push', base, uri('base.vhd'), '--align', '--content-md5', 'always'), { exitCode: 0 });
    await endBreak(container, 'base.vhd');
    t.ok((await bytesOf(container, 'base.vhd')).subarray(0, -512).equals(aligned(baseContent)));
    const over = await run(
      'push',
      child,
      uri('child.vhd'),
      '--base',
      uri('base.vhd'),
      '--align',
      '--base-check',
      check,
    );
    t.match(over, { exitCode: 0, virtualSize: 10 * MIB, base: { check: check === 'md5' ? 'md5' : 'tree', layer: 2 } });
    t.ok((over['sent'] as number) < 2 * MIB, `${String(over['sent'])} bytes`);
    t.ok((await bytesOf(container, 'child.vhd')).subarray(0, -512).equals(aligned(content)));
    t.match(await run('verify', child, uri('child.vhd'), '--align'), { exitCode: 0, equal: true });
    t.match(await run('push', child, uri('auto.vhd'), '--base', 'auto', '--align'), {
      exitCode: 0,
      base: { layer: 0 },
    });
    const pulled = join(folder, 'pulled.vhd');
    t.match(await run('pull', uri('child.vhd'), pulled), { exitCode: 0, virtualSize: 10 * MIB });
    await using disk = await openDisk(pulled);
    t.equal(disk.size, 10 * MIB);
  });

t.test(
  'an aligned disk over a base that is not aligned: by layers refused, and the reason is named; by leaves pushed',
  async (t) => {
    const { folder, container, uri, run } = await scene(t);
    const base = await writeImage({ path: join(folder, 'base.vhd'), type: 'dynamic', size: MIB + 512, writes: [] });
    const child = await writeImage({
      path: join(folder, 'child.vhd'),
      type: 'differencing',
      size: MIB + 512,
      parent: base,
      writes: [{ offset: MIB, data: randomBytes(512) }],
    });
    t.match(await run('push', base.path, uri('base.vhd')), { exitCode: 0 });
    await endBreak(container, 'base.vhd');
    const aligned = ['push', child.path, uri('child.vhd'), '--base', uri('base.vhd'), '--align'];
    t.match(await run(...aligned, '--compare', 'layers'), {
      exitCode: 4,
      error: { message: /its size does not fit/, hint: /pushed without --align/ },
    });
    t.match(await run(...aligned), { exitCode: 0, base: { check: 'leaves' }, virtualSize: 2 * MIB });
    t.match(await run('verify', child.path, uri('child.vhd'), '--align'), { exitCode: 0 });
  },
);
