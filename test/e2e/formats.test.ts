import { createHash, randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import t, { type Test } from 'tap';
import { openDisk } from '../../src/index.js';
import { bytesOf, endBreak, factsOf, pagesOf } from '../support/blobs.js';
import { runCli } from '../support/cli.js';
import { skipWithoutCorpus, unpackImages } from '../support/format-corpus.js';
import { killPush } from '../support/killed-push.js';
import { qemuImg, readByQemu, withoutQemuImg } from '../support/qemu-img.js';
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

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** One of each feature. Disks of other sizes than whole MiB are pushed as they are. */
const SINGLE = [
  '../ext2.vhdx',
  '../ext2.qcow2',
  'vhdx/vx-qemu-fixed.vhdx',
  'vhdx/vx-qemu-dyn-odd.vhdx',
  'vhdx/log-wrap/l0.vhdx',
  'vhdx/log-stale/l0.vhdx',
  'vhdx/hyperv-log.vhdx',
  'qcow2/q2-v2-4k.qcow2',
  'qcow2/q2-512.qcow2',
  'qcow2/q2-zlib.qcow2',
  'qcow2/q2-zstd.qcow2',
  'qcow2/q2-zstd-2m.qcow2',
  'qcow2/q2-mixed.qcow2',
  'qcow2/q2-snap.qcow2',
  'qcow2/q2-data.qcow2',
  'qcow2/q2-onraw.qcow2',
];

t.test(
  'images of other software become blobs with the content that other software reads of them',
  { skip: skipWithoutCorpus },
  async (t) => {
    const { folder, container, pushed, uri, run } = await scene(t);
    for (const [index, { path, size, sha256: expected }] of (await unpackImages(folder, ...SINGLE)).entries()) {
      const name = `${index}.vhd`;
      const { contentMd5 } = await pushed(path, { to: uri(name), contentMd5: 'always' });
      const bytes = await pagesOf(container, name);
      t.equal(bytes.length, size + 512, path);
      t.equal(sha256(bytes.subarray(0, -512)), expected, path);
      t.equal(createHash('md5').update(bytes).digest('base64'), contentMd5);
      t.match(await run('verify', path, uri(name)), { exitCode: 0, equal: true, treeCheck: 'equal' }, path);
    }
  },
);

t.test('info, map, check and verify take these images as they take a VHD', { skip: skipWithoutCorpus }, async (t) => {
  const { folder, uri, run } = await scene(t);
  const images = await unpackImages(folder, 'vhdx/log-wrap/l0.vhdx', 'qcow2/q2-zstd.qcow2');
  for (const { path, size } of images) {
    const format = path.endsWith('x') ? 'vhdx' : 'qcow2';
    t.match(await run('info', path), { exitCode: 0, virtualSize: size, sectorSize: 512, layers: [{ format }] });
    t.match(await run('map', path), { exitCode: 0, virtualSize: size, layers: [{ path }] });
    t.match(await run('check', path), { exitCode: 0, errors: [] });
    t.match(await run('info', path, '--format', format), { exitCode: 0 });
    t.match(await run('info', path, '--format', 'vhd'), { exitCode: 3 });
    const name = `${format}.vhd`;
    t.match(await run('push', path, uri(name)), { exitCode: 0 });
    t.match(await run('push', path, uri(name)), { exitCode: 0, outcome: 'already-there' });
    t.match(await run('verify', path, uri(name), '--no-deep'), { exitCode: 0, equal: true });
  }
  const [log] = images;
  t.match(await run('info', log?.path ?? ''), { warnings: [{ message: /log/ }] });
});

t.test('an image of odd size is pushed as whole MiB with --align', { skip: skipWithoutCorpus }, async (t) => {
  const { folder, container, uri, run } = await scene(t);
  for (const image of ['qcow2/q2-512.qcow2', 'vhdx/vx-qemu-dyn-odd.vhdx']) {
    const [odd] = await unpackImages(folder, image);
    const { path = '', size = 0, sha256: expected } = odd ?? {};
    t.equal(size, 9_438_720);
    const name = `${basename(path)}.vhd`;
    t.match(await run('push', path, uri(name), '-n'), { warnings: [{ code: 'size-not-mib', hint: /--align/ }] });
    t.match(await run('push', path, uri(name), '--align'), { exitCode: 0, virtualSize: 10 * MIB, warnings: [] });
    const bytes = await bytesOf(container, name);
    t.equal(sha256(bytes.subarray(0, size)), expected);
    t.ok(bytes.subarray(size, -512).equals(Buffer.alloc(10 * MIB - size)));
    t.match(await run('verify', path, uri(name), '--align'), { exitCode: 0, equal: true });
  }
});

t.test('a VHDX for sectors of 4,096 bytes is pushed only if forced', { skip: skipWithoutCorpus }, async (t) => {
  const { folder, gate, container, uri, run } = await scene(t);
  const [, child] = await unpackImages(folder, 'vhdx/sector4k/l0.vhdx', 'vhdx/sector4k/l1.vhdx');
  const { path = '', sha256: expected } = child ?? {};
  t.match(await run('info', path), { exitCode: 0, sectorSize: 4096 });
  t.match(await run('push', path, uri('disk.vhd')), {
    exitCode: 3,
    error: { code: 'disk-unsupported', message: /4096 bytes/, hint: /--force-sector-size/ },
  });
  t.equal(gate.records.length, 0, 'no request');
  const forced = await run('push', path, uri('disk.vhd'), '--force-sector-size');
  t.match(forced, { exitCode: 0, warnings: [{ code: 'sector-size' }] });
  t.strictSame(
    (forced['warnings'] as { code: string }[]).map(({ code }) => code),
    ['sector-size', 'sector-size'],
    'one for each image',
  );
  t.equal(sha256((await bytesOf(container, 'disk.vhd')).subarray(0, -512)), expected);
});

t.test(
  '--snapshot pushes the disk as it was; its digests and those of the present state stay apart',
  {
    skip: skipWithoutCorpus || withoutQemuImg,
  },
  async (t) => {
    const { folder, container, uri, run } = await scene(t);
    const [image] = await unpackImages(folder, 'qcow2/q2-snap.qcow2');
    const { path = '', sha256: present } = image ?? {};
    const listed = qemuImg(folder, 'snapshot', '-l', path)
      .split('\n')
      .flatMap((line) => /^\d+\s+(\S+)/.exec(line)?.[1] ?? []);
    t.equal(listed.length, 2);
    const ids = new Set<unknown>();
    for (const name of [undefined, ...listed]) {
      const chosen = name === undefined ? [] : ['--snapshot', name];
      const content =
        name === undefined
          ? undefined
          : await readByQemu(folder, { name: path, format: 'qcow2' }, '-l', `snapshot.name=${name}`);
      const blob = `${name ?? 'present'}.vhd`;
      const pushed = await run('push', path, uri(blob), ...chosen);
      // qemu-img gives the snapshot the size that the image has now.
      const expected = content === undefined ? present : sha256(content.subarray(0, Number(pushed['virtualSize'])));
      t.match(pushed, { exitCode: 0, outcome: 'pushed' }, blob);
      ids.add(pushed['id']);
      const bytes = await bytesOf(container, blob);
      t.equal(sha256(bytes.subarray(0, -512)), expected, blob);
      t.equal(createHash('md5').update(bytes).digest('base64'), pushed['contentMd5'], blob);
      await endBreak(container, blob);
      for (const depth of [[], ['--no-deep']])
        t.match(await run('verify', path, uri(blob), ...chosen, ...depth), { exitCode: 0, equal: true }, blob);
      t.match(await run('info', path, ...chosen), { exitCode: 0, id: pushed['id'] });
      t.match(await run('map', path, ...chosen), { exitCode: 0 });
      t.match(await run('check', path, ...chosen), { exitCode: 0 });
    }
    t.equal(ids.size, 3, 'each state has an id of its own');
    t.match(await run('push', path, uri('x.vhd'), '--snapshot', 'no such'), {
      exitCode: 3,
      error: { message: /no such/ },
    });
    t.match(await run('push', path, uri('folder/'), '--snapshot', listed[0] ?? ''), {
      exitCode: 0,
      blob: /q2-snap\.qcow2$/,
    });
  },
);

t.test('a snapshot of an image that cannot have any is an error', { skip: skipWithoutCorpus }, async (t) => {
  const { folder, run } = await scene(t);
  const [image] = await unpackImages(folder, '../ext2.vhdx');
  t.match(await run('info', image?.path ?? '', '--snapshot', 'x'), {
    exitCode: 3,
    error: { message: /has no internal snapshots/, hint: /leave out --snapshot/ },
  });
});

for (const [format, ...how] of [
  ['vhdx'],
  ['qcow2', '-c'],
  ['qcow2', '-c', '-o', 'compression_type=zstd'],
  ['qcow2', '-o', 'extended_l2=on,cluster_size=128k'],
] as const)
  t.test(
    `an image by qemu-img (${[format, ...how].join(' ')}): killed, resumed, equal`,
    { skip: withoutQemuImg },
    async (t) => {
      const { folder, gate, container, env, uri, run } = await scene(t);
      // Half of each piece can be compressed.
      const content = Buffer.alloc(48 * MIB);
      for (let at = 0; at < 40 * MIB; at += 256 * 1024) randomBytes(128 * 1024).copy(content, at);
      await writeFile(join(folder, 'disk.raw'), content);
      const image = `disk.${format}`;
      qemuImg(folder, 'convert', '-f', 'raw', '-O', format, ...how, 'disk.raw', image);
      const args = ['push', join(folder, image), uri('disk.vhd'), '--gap', '0B'];
      let puts = 0;
      t.ok(
        await killPush(gate, args, env, {
          request: ({ kind }) => kind === 'put-page' && ++puts === 12,
          moment: 'during',
        }),
        'it is killed',
      );
      t.notMatch((await factsOf(container, 'disk.vhd'))?.metadata, { vhdup_state: 'complete' });
      const resumed = await run(...args);
      t.match(resumed, { exitCode: 0, outcome: 'resumed', virtualSize: content.length });
      t.ok((resumed['sent'] as number) < 20 * MIB, 'only the rest is sent');
      t.ok((await bytesOf(container, 'disk.vhd')).subarray(0, -512).equals(content));
      t.match(await run('verify', join(folder, image), uri('disk.vhd')), { exitCode: 0, equal: true });
    },
  );

t.test(
  'pull --onto an image that is no VHD is refused, and nothing is written',
  { skip: withoutQemuImg },
  async (t) => {
    const { folder, uri, run } = await scene(t);
    for (const format of ['vhdx', 'qcow2']) {
      const parent = join(folder, `parent.${format}`);
      qemuImg(folder, 'create', '-q', '-f', format, parent, '4M');
      t.match(await run('push', parent, uri(`${format}.vhd`)), { exitCode: 0 });
      const out = join(folder, 'out.vhd');
      t.match(await run('pull', uri(`${format}.vhd`), out, '--onto', parent), {
        exitCode: 3,
        error: {
          code: 'disk-unsupported',
          message: new RegExp(`its format is ${format}, and the parent of a differencing VHD can only be a VHD`),
          hint: /without --onto/,
        },
      });
      await t.rejects(openDisk(out), { code: 'disk-unreadable' });
    }
  },
);
