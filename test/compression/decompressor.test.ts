import { execFileSync, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { deflateRawSync, gunzipSync } from 'node:zlib';
import t, { type Test } from 'tap';
import type { CompressedPieces } from '../../src/compression/compressed-pieces.js';
import { Decompressor } from '../../src/compression/decompressor.js';
import { temporaryFolder } from '../support/folder.js';
import { COMPRESSED, TEXT } from './frames.js';
import { qcow2Pieces } from './qcow2-pieces.js';

const CORPUS = fileURLToPath(new URL('../../../shared/corpus/formats', import.meta.url));
const hasCorpus = existsSync(join(CORPUS, 'INDEX.tsv'));
const hasQemu = spawnSync('qemu-img', ['--version']).status === 0;
const MIB = 1024 * 1024;
const PIECE = 65_536;

/** Ways to have memory: as it is, or shared with threads. */
const MEMORY = { own: (length: number) => Buffer.alloc(length), shared: sharedBuffer } as const;

function sharedBuffer(length: number): Buffer {
  return Buffer.from(new SharedArrayBuffer(length));
}

/** Decompressors that work in this thread only, and in others only. */
function eachWay(t: Test): readonly Decompressor[] {
  const ways = [new Decompressor({ maxLocalTotal: Infinity }), new Decompressor({ maxThreads: 2, maxLocalTotal: 0 })];
  t.teardown(() => Promise.all(ways.map((way) => way.close())));
  return ways;
}

/** Decompresses the clusters of an image in each way, into a copy of `disk`; returns that. */
async function diskOf(t: Test, ways: readonly Decompressor[], image: Buffer, disk: Buffer): Promise<Buffer> {
  const { offsets, ...found } = qcow2Pieces(image);
  const results: Buffer[] = [];
  for (const [bytesIn, bytesMemory] of Object.entries(MEMORY))
    for (const [intoIn, intoMemory] of Object.entries(MEMORY))
      for (const [way, decompressor] of ways.entries()) {
        const bytes = bytesMemory(image.length);
        bytes.set(image);
        const into = intoMemory(found.pieces.length * found.pieceLength);
        await decompressor.decompress({ ...found, bytes, into });
        t.equal(decompressor.threadCount > 0, way === 1);
        t.ok(bytes.equals(image), 'the compressed bytes are as they were');
        t.ok(results.length === 0 || results[0]?.equals(into), `bytes ${bytesIn}, into ${intoIn}, ${way}`);
        results.push(into);
      }
  const copy = Buffer.from(disk);
  const [content = Buffer.alloc(0)] = results;
  for (const [index, offset] of offsets.entries())
    content.copy(copy, offset, index * found.pieceLength, (index + 1) * found.pieceLength);
  t.ok(offsets.length > 0, `${offsets.length} clusters are compressed`);
  return copy;
}

t.test(
  'compressed clusters of images by qemu-img are read, in this thread and in others',
  { skip: !hasCorpus && 'the corpus, ../shared/corpus, is not beside the project' },
  async (t) => {
    const ways = eachWay(t);
    const rows = (await readFile(join(CORPUS, 'INDEX.tsv'), 'utf8')).split('\n').map((row) => row.split('\t'));
    for (const name of ['q2-zlib.qcow2', 'q2-zstd.qcow2', 'q2-zstd-2m.qcow2']) {
      const [, , , , size, sha256] = rows.find(([file]) => file === `qcow2/${name}`) ?? [];
      const image = gunzipSync(await readFile(join(CORPUS, 'qcow2', `${name}.gz`)));
      const disk = await diskOf(t, ways, image, Buffer.alloc(Number(size)));
      t.equal(createHash('sha256').update(disk).digest('hex'), sha256, name);
    }
  },
);

t.test('whatever qemu-img compresses is read', { skip: !hasQemu && 'qemu-img is not installed' }, async (t) => {
  const ways = eachWay(t);
  const folder = await temporaryFolder(t);
  const raw = Buffer.alloc(6 * MIB);
  for (let at = 0; at < raw.length; at += 4096) {
    randomBytes(1024).copy(raw, at);
    raw.write(`block ${at} `.repeat(50), at + 1024);
  }
  await writeFile(join(folder, 'disk.raw'), raw);
  for (const [type, cluster] of [
    ['zlib', 512],
    ['zlib', 65_536],
    ['zstd', 4096],
    ['zstd', 2 * MIB],
  ] as const) {
    const path = join(folder, `${type}-${cluster}.qcow2`);
    const options = `compression_type=${type},cluster_size=${cluster}`;
    execFileSync('qemu-img', ['convert', '-c', '-O', 'qcow2', '-o', options, join(folder, 'disk.raw'), path]);
    // Clusters that do not shrink are not compressed.
    const disk = await diskOf(t, ways, await readFile(path), raw);
    t.ok(disk.equals(raw), options);
  }
});

/** Pieces that all decompress to TEXT. */
function texts(count: number, method: CompressedPieces['method']): CompressedPieces {
  const one = method === 'zstd' ? COMPRESSED.check : deflateRawSync(TEXT);
  return {
    method,
    bytes: Buffer.from(one),
    pieces: Array.from({ length: count }, () => ({ start: 0, end: one.length })),
    pieceLength: PIECE,
    into: Buffer.alloc(count * PIECE),
  };
}

t.test('a small image starts no thread; a large one does when the small amount is exceeded', async (t) => {
  const decompressor = new Decompressor({ maxThreads: 1 });
  for (let done = 0; done < 48; done += 16) await decompressor.decompress(texts(256, 'deflate'));
  t.equal(decompressor.threadCount, 0);
  const work = texts(256, 'deflate');
  await decompressor.decompress(work);
  t.equal(decompressor.threadCount, 1);
  t.ok(Buffer.from(work.into.subarray(-PIECE)).equals(TEXT));
  await decompressor.close();
});

t.test('the first damaged piece is named, by whichever thread, and all work has ended then', async (t) => {
  for (const method of ['deflate', 'zstd'] as const)
    for (const maxLocalTotal of [Infinity, 0]) {
      const decompressor = new Decompressor({ maxThreads: 3, maxLocalTotal });
      const work = texts(64, method);
      const into = sharedBuffer(work.into.length);
      const pieces = work.pieces.map((piece, index) => (index === 30 || index === 50 ? { start: 0, end: 20 } : piece));
      await t.rejects(decompressor.decompress({ ...work, into, pieces }), {
        name: 'DecompressionError',
        index: 30,
        message: method === 'deflate' ? /^it decompresses to \d+ bytes, not 65536$/ : 'it ends within a zstd frame',
      });
      const then = Buffer.from(into);
      await decompressor.decompress(work);
      t.ok(then.equals(into), 'nothing is written afterwards');
      t.ok(Buffer.from(work.into.subarray(-PIECE)).equals(TEXT), 'the next work is done');
      await decompressor.close();
    }
});

t.test('a deflated piece must have exactly the length; what follows it is ignored', async (t) => {
  const decompressor = new Decompressor();
  const run = async (bytes: Uint8Array, pieceLength: number) => {
    const into = Buffer.alloc(pieceLength);
    await decompressor.decompress({
      method: 'deflate',
      bytes,
      pieces: [{ start: 0, end: bytes.length }],
      pieceLength,
      into,
    });
    return into;
  };
  for (const windowBits of [9, 12, 15]) {
    const bytes = Buffer.concat([deflateRawSync(TEXT, { windowBits }), Buffer.alloc(700, 0xff)]);
    t.ok((await run(bytes, PIECE)).equals(TEXT), `window 2^${windowBits}`);
    await t.rejects(run(bytes, PIECE + 1), { message: 'it decompresses to 65536 bytes, not 65537' });
    await t.rejects(run(bytes, PIECE - 1), { message: 'it decompresses to more than 65535 bytes, not 65535' });
  }
  await t.rejects(run(Buffer.alloc(100, 0xff), PIECE), { message: 'it is damaged: invalid block type' });
  await t.rejects(run(deflateRawSync(Buffer.alloc(64 * MIB)), PIECE), { message: /more than 65536 bytes/ });
  await t.rejects(run(Buffer.alloc(0), PIECE), { message: 'it decompresses to 0 bytes, not 65536' });
});

t.test('memory of the wrong size is refused, and closing ends pending work', async (t) => {
  const decompressor = new Decompressor({ maxLocalTotal: 0 });
  await t.rejects(decompressor.decompress({ ...texts(2, 'zstd'), into: Buffer.alloc(PIECE) }), { name: 'RangeError' });
  const failed = t.rejects(decompressor.decompress(texts(512, 'zstd')), /a thread that decompresses ended/);
  await decompressor.close();
  await failed;
});
