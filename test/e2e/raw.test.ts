import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, open, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { startAzurite } from '../support/azurite.js';
import { bytesOf, containerOf, endBreak, factsOf, pagesOf } from '../support/blobs.js';
import { runCli } from '../support/cli.js';
import { temporaryFolder } from '../support/folder.js';
import { startGate } from '../support/gate.js';
import { killPush, putsIn } from '../support/killed-push.js';

const MIB = 1024 * 1024;
const MKFS = '/usr/sbin/mkfs.ext4';
const WINDOW = 16 * MIB;

async function scene(t: Test) {
  const folder = await temporaryFolder(t);
  const azurite = await startAzurite();
  t.teardown(() => azurite.stop());
  const gate = await startGate(azurite);
  t.teardown(() => gate.stop());
  const container = await containerOf(azurite, 'vhds');
  const env = { ...gate.env, VHDUP_STATE_DIR: join(folder, 'state') };
  const uri = (name: string) => `${gate.url}/vhds/${name}`;
  const run = async (...args: string[]) => {
    const { exitCode, stdout, stderr } = await runCli([...args, '--json'], env);
    return { exitCode, stderr, ...(JSON.parse(stdout) as Record<string, unknown>) } as Record<string, unknown>;
  };
  return { folder, gate, container, env, uri, run };
}

/** A sparse file with an ext4 file system that holds files of 24 MiB. */
async function ext4Image(folder: string, size: number): Promise<string> {
  const files = join(folder, 'files');
  await mkdir(files);
  for (let index = 0; index < 6; index++) await writeFile(join(files, `random${index}`), randomBytes(4 * MIB));
  const path = join(folder, 'disk.img');
  await writeFile(path, '');
  await truncate(path, size);
  execFileSync(MKFS, ['-q', '-F', '-d', files, path]);
  return path;
}

/** Goes through a file; `look` gets each part of it with its offset. */
async function eachWindow(path: string, look: (bytes: Buffer, offset: number) => void): Promise<void> {
  await using file = await open(path);
  const { size } = await file.stat();
  const buffer = Buffer.alloc(WINDOW);
  for (let offset = 0; offset < size; offset += WINDOW) {
    const { bytesRead } = await file.read(buffer, 0, WINDOW, offset);
    look(buffer.subarray(0, bytesRead), offset);
  }
}

async function nonZeroBytes(path: string): Promise<number> {
  const zeros = Buffer.alloc(WINDOW);
  let bytes = 0;
  await eachWindow(path, (window) => {
    if (window.equals(zeros.subarray(0, window.length))) return;
    for (let at = 0; at < window.length; at += 512) if (window.compare(zeros, 0, 512, at, at + 512) !== 0) bytes += 512;
  });
  return bytes;
}

t.test(
  'an ext4 image of 2 GiB with holes: only what is not zero is sent, a killed push is resumed, the blob is the disk',
  { skip: !existsSync(MKFS) && `${MKFS} is not on this machine` },
  async (t) => {
    const { folder, gate, container, env, uri, run } = await scene(t);
    const path = await ext4Image(folder, 2048 * MIB);
    const nonZero = await nonZeroBytes(path);
    t.ok(nonZero > 20 * MIB && nonZero < 200 * MIB, `${nonZero} bytes are not zero`);

    // The twentieth write: some are done, most are not.
    let puts = 0;
    const args = ['push', path, '--to', uri('disk.vhd'), '--gap', '0B', '--content-md5', 'always', '--quiet'];
    t.ok(
      await killPush(gate, args, env, {
        request: ({ kind }) => kind === 'put-page' && ++puts === 20,
        moment: 'during',
      }),
      'it is killed',
    );
    const before = putsIn(gate.records).length;
    t.ok(before > 0, `${before} writes were served`);
    const resumed = await run(...args.slice(0, -1));
    t.match(resumed, { exitCode: 0, outcome: 'resumed', blobSize: 2048 * MIB + 512 });
    t.ok((resumed['sent'] as number) < nonZero, 'the rest alone is sent');

    const fresh = await run('push', path, '--to', uri('fresh.vhd'), '--gap', '0B', '--content-md5', 'always');
    t.match(fresh, { exitCode: 0, outcome: 'pushed', id: resumed['id'], contentMd5: resumed['contentMd5'] });
    t.equal(fresh['sent'], nonZero + 512, 'the sectors that are not zero, and the footer');

    const blob = await pagesOf(container, 'disk.vhd');
    const md5 = createHash('md5');
    let isEqual = blob.length === 2048 * MIB + 512;
    await eachWindow(path, (window, offset) => {
      md5.update(window);
      isEqual &&= window.equals(blob.subarray(offset, offset + window.length));
    });
    t.ok(isEqual, 'the blob is the disk, byte for byte');
    t.equal(md5.update(blob.subarray(-512)).digest('base64'), resumed['contentMd5']);
    t.match(await run('verify', path, uri('disk.vhd')), { exitCode: 0, equal: true, problems: [] });
  },
);

/** 8 MiB with an MBR, in which every other sector of the first half is not zero. */
async function partitioned(folder: string): Promise<string> {
  const content = Buffer.alloc(8 * MIB);
  for (let at = 1024; at < 4 * MIB; at += 1024) content.fill(at / 1024, at, at + 512);
  content.set([0x55, 0xaa], 510);
  const path = join(folder, 'disk.img');
  await writeFile(path, content);
  return path;
}

async function change(path: string, at: number): Promise<void> {
  await using file = await open(path, 'r+');
  await file.write(Buffer.from([0x5a]), 0, 1, at);
}

t.test('over a base a raw disk is proved by its digest, never by its id', async (t) => {
  const { folder, container, uri, run } = await scene(t);
  const path = await partitioned(folder);
  const first = await run('push', path, '--to', uri('base.vhd'));
  t.match(first, { exitCode: 0, outcome: 'pushed' });
  await endBreak(container, 'base.vhd');
  const copy = ['push', path, '--base', uri('base.vhd'), '--to', uri('copy.vhd')];
  t.match(await run(...copy, '--base-check', 'id'), { exitCode: 4, error: { message: /derived from parts/ } });
  t.match(await run(...copy), { exitCode: 0, outcome: 'pushed', sent: 512, base: { check: 'tree' } });
  t.ok((await bytesOf(container, 'copy.vhd')).equals(await bytesOf(container, 'base.vhd')));
  t.match(await run('push', path, '--base', 'auto', '--to', uri('third.vhd')), { exitCode: 0, sent: 512 });
  t.match(await run('push', path, '--to', uri('copy.vhd')), { exitCode: 0, outcome: 'already-there' });
  await endBreak(container, 'copy.vhd');
  const pulled = join(folder, 'pulled.vhd');
  t.match(await run('pull', uri('base.vhd'), pulled), { exitCode: 0 });
  const again = ['push', pulled, '--base', uri('base.vhd'), '--to', uri('again.vhd')];
  t.match(await run(...again, '--base-check', 'id'), { exitCode: 4 }, 'nor by that id in a VHD that was pulled');

  // Not within the MiB at either end, so the id stays the same.
  await change(path, 2 * MIB);
  t.match(await run('info', path), { id: first['id'] });
  t.match(await run(...copy, '--overwrite', '--compare', 'layers'), {
    exitCode: 4,
    error: { message: /digest differs from that of the local/ },
  });
  t.match(await run('verify', path, uri('base.vhd')), { exitCode: 9, differences: { count: 1, bytes: 512 } });
  t.ok((await bytesOf(container, 'copy.vhd')).equals(await bytesOf(container, 'base.vhd')), 'it is as it was');
  t.match(await run(...copy, '--overwrite'), { exitCode: 0, base: { check: 'leaves' } }, 'its leaves tell them apart');
  t.match(await run('verify', path, uri('copy.vhd')), { exitCode: 0 });
});

t.test('a raw disk that changes while it is pushed is noticed, and its blob is not completed', async (t) => {
  const { folder, gate, container, uri, run } = await scene(t);
  const path = await partitioned(folder);
  let isChanged = false;
  gate.onRequest = ({ kind }) => {
    if (kind !== 'put-page' || isChanged) return undefined;
    isChanged = true;
    void change(path, 5 * MIB);
    return undefined;
  };
  t.match(await run('push', path, '--to', uri('disk.vhd')), { exitCode: 8, error: { code: 'source-changed' } });
  t.notMatch((await factsOf(container, 'disk.vhd'))?.metadata, { vhdup_state: 'complete' });
});

t.test('--format raw takes what is not recognised, in each command that opens a disk', async (t) => {
  const { folder, container, uri, run } = await scene(t);
  const path = join(folder, 'data.bin');
  const content = Buffer.alloc(MIB, 'no disk');
  await writeFile(path, content);
  t.match(await run('push', path, '--to', uri('disk.vhd')), { exitCode: 3, error: { hint: /--format raw/ } });
  t.match(await run('push', path, '--to', uri('disk.vhd'), '--format', 'raw'), {
    exitCode: 0,
    warnings: [{ message: /as requested/ }],
  });
  t.ok((await bytesOf(container, 'disk.vhd')).subarray(0, -512).equals(content));
  for (const command of ['info', 'map', 'check']) {
    t.match(await run(command, path), { exitCode: 3 }, command);
    t.match(await run(command, path, '--format', 'raw'), { exitCode: 0 }, command);
    t.match(await run(command, path, '--format', 'vhd'), { exitCode: 3 }, command);
  }
  t.match(await run('verify', path, uri('disk.vhd'), '--format', 'raw'), { exitCode: 0, equal: true });
  t.match(await run('info', path, '--format', 'raw', '--format', 'vhd'), { exitCode: 2 });
});
