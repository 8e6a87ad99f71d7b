import { createHash, randomBytes } from 'node:crypto';
import { open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { totalLength } from '../../src/bytes/range.js';
import type { Files, SourceHandle } from '../../src/disk/file.js';
import { localFiles } from '../../src/disk/file.js';
import { openDiskFrom } from '../../src/disk/open.js';
import { openDisk, push, type Range } from '../../src/index.js';
import { bytesOf, endBreak } from '../support/blobs.js';
import { runCli } from '../support/cli.js';
import { skipWithoutCorpus, unpackImages } from '../support/format-corpus.js';
import { killPush, putsIn } from '../support/killed-push.js';
import { qemuImg, withoutQemuImg } from '../support/qemu-img.js';
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

/** Bytes that the top image of a chain decides, and the ranges of them. */
async function decidedBy(path: string): Promise<readonly Range[]> {
  await using disk = await openDisk(path);
  const ranges: Range[] = [];
  for await (const { offset, length, kind } of disk.extents({ above: 1 })) {
    if (kind !== 'absent') ranges.push({ offset, length });
  }
  return ranges;
}

const CHAINS = [
  { name: 'a VHDX and its child by Windows', images: ['../fat-parent.vhdx', '../fat-differential.vhdx'], check: 'id' },
  {
    name: 'a chain of three VHDX',
    images: ['vhdx/chain3/l0.vhdx', 'vhdx/chain3/l1.vhdx', 'vhdx/chain3/l2.vhdx'],
    check: 'id',
  },
  {
    name: 'a chain of three QCOW2 images of different sizes and cluster sizes',
    images: ['qcow2/q2-chain0.qcow2', 'qcow2/q2-chain1.qcow2', 'qcow2/q2-chain2.qcow2'],
    check: undefined,
  },
  {
    name: 'QCOW2 with subclusters over a parent',
    images: ['qcow2/q2-chain0.qcow2', 'qcow2/q2-extl2.qcow2'],
    check: undefined,
  },
  {
    name: 'QCOW2 with zero clusters over a parent',
    images: ['qcow2/q2-chain0.qcow2', 'qcow2/q2-zero.qcow2'],
    check: undefined,
  },
] as const;

for (const { name, images: names, check } of CHAINS)
  t.test(`over the blob of its parent only what changed is sent: ${name}`, { skip: skipWithoutCorpus }, async (t) => {
    const { folder, gate, container, uri, run } = await scene(t);
    const images = await unpackImages(folder, ...names);
    for (const [index, { path, size, sha256: expected }] of images.entries()) {
      const own = uri(`${index}.vhd`);
      const over = index === 0 ? [] : ['--base', uri(`${index - 1}.vhd`)];
      gate.records = [];
      const pushed = await run('push', path, own, '--gap', '0B', ...over);
      t.match(pushed, { exitCode: 0, virtualSize: size, ...(index > 0 ? { base: { layer: 1, check: 'tree' } } : {}) });
      await endBreak(container, `${index}.vhd`);
      const bytes = await bytesOf(container, `${index}.vhd`);
      t.equal(sha256(bytes.subarray(0, -512)), expected, path);
      t.match(await run('verify', path, own), { exitCode: 0, equal: true });
      if (index === 0) continue;
      const decided = await decidedBy(path);
      t.ok((pushed['sent'] as number) <= totalLength(decided) + 512, `${String(pushed['sent'])} bytes are sent`);
      const puts = putsIn(gate.records).filter(({ offset }) => offset < size);
      t.ok(
        puts.every((put) => decided.some(({ offset, length }) => offset <= put.offset && put.offset < offset + length)),
        'each write begins within what the child has',
      );
      const auto = await run('push', path, uri(`auto${index}.vhd`), '--base', 'auto', '--gap', '0B');
      t.match(auto, { exitCode: 0, base: { layer: 0 } }, 'its own blob is the nearest');
      t.equal(sha256((await bytesOf(container, `auto${index}.vhd`)).subarray(0, -512)), expected);
      const byId = await run('push', path, uri(`id${index}.vhd`), ...over, '--base-check', 'id');
      if (check === 'id') {
        t.match(byId, { exitCode: 0, base: { check: 'id' }, warnings: [{ code: 'base-by-id' }] });
        t.equal(sha256((await bytesOf(container, `id${index}.vhd`)).subarray(0, -512)), expected);
      } else t.match(byId, { exitCode: 4, error: { code: 'base-mismatch', message: /derived from/ } });
    }
  });

t.test(
  'a parent that was written to in place is not the base any more, though its id is',
  { skip: withoutQemuImg },
  async (t) => {
    const { folder, container, uri, run } = await scene(t);
    const content = randomBytes(4 * MIB);
    await writeFile(join(folder, 'disk.raw'), content);
    qemuImg(folder, 'convert', '-f', 'raw', '-O', 'qcow2', 'disk.raw', 'parent.qcow2');
    qemuImg(folder, 'create', '-q', '-f', 'qcow2', '-b', 'parent.qcow2', '-F', 'qcow2', 'child.qcow2');
    const parent = join(folder, 'parent.qcow2');
    const child = join(folder, 'child.qcow2');
    t.match(await run('push', parent, uri('parent.vhd')), { exitCode: 0 });
    await endBreak(container, 'parent.vhd');
    const over = ['push', child, uri('child.vhd'), '--base', uri('parent.vhd')];
    t.match(await run(...over), { exitCode: 0, sent: 512 });
    const before = await run('info', parent);
    await using file = await open(parent, 'r+');
    const { size } = await file.stat();
    await file.write(Buffer.from([0x5a]), 0, 1, size - 100);
    t.match(await run('info', parent), { id: before['id'] });
    t.match(await run(...over, '--overwrite', '--compare', 'layers'), {
      exitCode: 4,
      error: { message: /its tree digest differs/ },
    });
    t.match(await run(...over, '--overwrite'), { exitCode: 0, base: { check: 'leaves' } });
    t.match(await run('verify', child, uri('child.vhd')), { exitCode: 0 });
  },
);

for (const format of ['qcow2', 'vhdx'] as const)
  t.test(
    `a killed push over a base is resumed: ${format}`,
    { skip: withoutQemuImg || skipWithoutCorpus },
    async (t) => {
      const { folder, gate, container, env, uri, run } = await scene(t);
      const names =
        format === 'qcow2'
          ? (['qcow2/q2-chain0.qcow2', 'qcow2/q2-chain1.qcow2'] as const)
          : (['vhdx/chain3/l0.vhdx', 'vhdx/chain3/l1.vhdx'] as const);
      const [parent, child] = await unpackImages(folder, ...names);
      if (!parent || !child) throw new Error('no images');
      t.match(await run('push', parent.path, uri('parent.vhd')), { exitCode: 0 });
      await endBreak(container, 'parent.vhd');
      const args = ['push', child.path, uri('child.vhd'), '--base', uri('parent.vhd'), '--gap', '0B'];
      let puts = 0;
      t.ok(
        await killPush(gate, args, env, {
          request: ({ kind }) => kind === 'put-page' && ++puts === 3,
          moment: 'during',
        }),
        'it is killed',
      );
      t.match(await run(...args), { exitCode: 0, outcome: 'resumed' });
      t.equal(sha256((await bytesOf(container, 'child.vhd')).subarray(0, -512)), child.sha256);
    },
  );

interface FileRead {
  readonly position: number;
  readonly length: number;
}

/** The files of this machine; the reads are recorded. */
class RecordingFiles implements Files {
  reads: FileRead[] = [];

  async open(path: string): Promise<SourceHandle> {
    const file = await localFiles.open(path);
    return {
      path: file.path,
      size: file.size,
      identity: file.identity,
      read: (position, into) => {
        this.reads.push({ position, length: into.length });
        return file.read(position, into);
      },
      statPath: () => file.statPath(),
      close: () => file.close(),
    };
  }

  realPath(path: string): Promise<string> {
    return localFiles.realPath(path);
  }
}

/** Pages that the secret of the lease is derived from: they are read before the scan. */
const SAMPLES = 64;

const keyOf = ({ position, length }: FileRead) => `${position} ${length}`;

for (const type of ['zlib', 'zstd'])
  t.test(
    `each compressed cluster is read once from plan to completion, but for 64 samples, with Content-MD5 (${type})`,
    { skip: withoutQemuImg },
    async (t) => {
      const { folder, container, options, uri } = await scene(t);
      const content = Buffer.alloc(32 * MIB);
      for (let at = 0; at < content.length; at += 128 * 1024) randomBytes(48 * 1024).copy(content, at);
      await writeFile(join(folder, 'disk.raw'), content);
      qemuImg(
        folder,
        'convert',
        '-f',
        'raw',
        '-O',
        'qcow2',
        '-c',
        '-o',
        `compression_type=${type}`,
        'disk.raw',
        'disk.qcow2',
      );
      const path = join(folder, 'disk.qcow2');
      const files = new RecordingFiles();
      const structures = await structureReads(files, path);
      files.reads = [];
      await using disk = await openDiskFrom(files, path);
      const { contentMd5 } = await push(disk, { ...options, to: uri('disk.vhd'), contentMd5: 'always' });
      const bytes = await bytesOf(container, 'disk.vhd');
      t.ok(bytes.subarray(0, -512).equals(content));
      t.equal(createHash('md5').update(bytes).digest('base64'), contentMd5);
      const times = new Map<string, number>();
      for (const read of files.reads) {
        const key = keyOf(read);
        if (!structures.has(key)) times.set(key, (times.get(key) ?? 0) + 1);
      }
      const clusters = content.length / (64 * 1024);
      t.ok(times.size > 0 && times.size <= clusters, `${times.size} different reads of ${clusters} clusters`);
      const repeated = [...times.values()].filter((count) => count > 1);
      t.ok(Math.max(...times.values()) <= 2 && repeated.length <= SAMPLES, `${repeated.length} are read twice`);
      const length = [...times.keys()].reduce((sum, key) => sum + Number(key.split(' ')[1]), 0);
      // Neighbours share a sector.
      t.ok(length <= disk.layers.length * (disk.openedFiles[0]?.size ?? 0) + clusters * 512, `${length} bytes`);
    },
  );

/** The reads that look at headers and tables only. */
async function structureReads(files: RecordingFiles, path: string): Promise<ReadonlySet<string>> {
  await using disk = await openDiskFrom(files, path);
  for await (const extent of disk.extents()) if (extent.length === 0) break;
  await disk.sourceFiles();
  disk.dropCache();
  for await (const extent of disk.extents()) if (extent.length === 0) break;
  return new Set(files.reads.map(keyOf));
}
