import { createHash, randomBytes } from 'node:crypto';
import { open, readFile, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { writeImage } from '../../fixtures/vhd.js';
import type { PullOptions } from '../../src/index.js';
import { PullOutput } from '../../src/pull/output.js';
import { readPullRecord } from '../../src/pull/record.js';
import { hideWrites } from '../support/blobs.js';
import { startCli } from '../support/cli.js';
import { pullScene } from '../support/pull-scene.js';

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;
const WINDOW = 4 * MIB;
/** What Node, Azurite and a network cost, in bytes read; far below any hole here. */
const OVERHEAD = 96 * MIB;

/** Bytes that this process has read from files and sockets so far; `undefined` if the system does not tell. */
async function bytesRead(): Promise<number | undefined> {
  const found = /^rchar: (\d+)/m.exec(await readFile('/proc/self/io', 'utf8').catch(() => ''))?.[1];
  return found === undefined ? undefined : Number(found);
}

/** Data in the first and in the last windows of a disk, and some bytes at a third place. */
function writesOf(size: number, third?: { readonly offset: number; readonly length: number }) {
  const ends = [0, WINDOW, size - 2 * WINDOW, size - MIB].map((offset) => ({
    offset,
    data: randomBytes(64 * KIB + 512),
  }));
  return third ? [...ends, { offset: third.offset, data: randomBytes(third.length) }] : ends;
}

/** A scene with a sparse disk that was pushed without Content-MD5, so with a tree digest. */
async function sparseScene(t: Test, size: number, third?: { readonly offset: number; readonly length: number }) {
  const set = await pullScene(t);
  const writes = writesOf(size, third);
  const image = await writeImage({ path: join(set.folder, 'sparse.vhd'), type: 'dynamic', size, writes });
  await set.pushed(image.path, { to: set.uri('sparse'), contentMd5: 'never' });
  const hasWrites = async (path: string) => {
    await using file = await open(path);
    for (const { offset, data } of writes) {
      const found = Buffer.alloc(data.length);
      await file.read(found, 0, data.length, offset);
      if (!found.equals(data)) return false;
    }
    return true;
  };
  /** A pull, with the bytes that it read. */
  const counted = async (name: string, out: string, options: PullOptions) => {
    const before = await bytesRead();
    const result = await set.pulled(name, out, options);
    const after = await bytesRead();
    return { ...result, read: before === undefined || after === undefined ? 0 : after - before };
  };
  return { ...set, hasWrites, counted };
}

t.test(
  'a disk of 2,040 GiB that is nearly empty is checked by its tree digest, and no hole of the output is read',
  async (t) => {
    const size = 2040 * GIB;
    const { folder, counted, hasWrites } = await sparseScene(t, size);
    for (const format of ['raw', 'fixed'] as const) {
      const out = join(folder, `out.${format}`);
      const { read, checked } = await counted('sparse', out, { format });
      t.equal(checked, 'tree');
      t.ok(read < OVERHEAD, `${format}: ${read} bytes were read`);
      t.equal((await stat(out)).size, format === 'raw' ? size : size + 512);
      t.ok(await hasWrites(out));
    }
  },
);

t.test(
  'with both digests the tree digest is compared if the blob has many zeros, and wrong bytes are found by it',
  async (t) => {
    const { folder, container, counted, pulled, pushed, uri } = await sparseScene(t, 40 * MIB);
    const size = GIB + 64 * MIB;
    const image = await writeImage({ path: join(folder, 'both.vhd'), type: 'dynamic', size, writes: writesOf(size) });
    await pushed(image.path, { to: uri('both'), contentMd5: 'always' });
    for (const format of ['raw', 'fixed', 'dynamic'] as const) {
      const { read, checked, contentMd5 } = await counted('both', join(folder, format), { format });
      t.equal(checked, 'tree', format);
      t.ok(contentMd5, 'the blob has Content-MD5 all the same');
      t.ok(read < OVERHEAD, `${format}: ${read} bytes were read`);
    }
    await hideWrites(container, 'both');
    await container.getPageBlobClient('both').uploadPages(Buffer.alloc(512, 1), 512 * MIB, 512);
    for (const format of ['raw', 'fixed', 'dynamic'] as const) {
      await t.rejects(
        pulled('both', join(folder, `wrong ${format}`), { format }),
        { code: 'content-differs', message: /tree digest/ },
        format,
      );
    }
  },
);

t.test('without a tree digest the zeros of holes are hashed from memory', async (t) => {
  const size = 256 * MIB;
  const { folder, container, counted, pulled } = await sparseScene(t, 40 * MIB);
  const content = Buffer.alloc(size);
  for (const { offset, data } of writesOf(size)) data.copy(content, offset);
  const blob = container.getPageBlobClient('foreign');
  await blob.create(size, { blobHTTPHeaders: { blobContentMD5: createHash('md5').update(content).digest() } });
  for (let at = 0; at < size; at += WINDOW) {
    const piece = content.subarray(at, at + WINDOW);
    if (!piece.equals(Buffer.alloc(piece.length))) await blob.uploadPages(piece, at, piece.length);
  }
  const out = join(folder, 'foreign.raw');
  const { read, checked } = await counted('foreign', out, { format: 'raw' });
  t.equal(checked, 'md5');
  t.ok(read < OVERHEAD, `${read} bytes were read`);
  t.ok((await readFile(out)).equals(content));
  await blob.uploadPages(Buffer.alloc(512, 1), 128 * MIB, 512);
  await t.rejects(pulled('foreign', join(folder, 'wrong.raw'), { format: 'raw' }), {
    code: 'content-differs',
    message: /Content-MD5/,
  });
});

const SIZE = 3 * GIB;
/** Windows behind a large hole, and before another: enough for a record. */
const BEHIND = { offset: GIB, length: 4 * WINDOW };

/** Pulls until read `at` of the content, then ends in order. */
async function stopped(
  t: Test,
  { gate, pulled }: Pick<Awaited<ReturnType<typeof sparseScene>>, 'gate' | 'pulled'>,
  out: string,
  at: number,
): Promise<void> {
  const stop = new AbortController();
  let reads = 0;
  gate.onRequest = ({ kind, range }) => {
    if (kind === 'read' && range && range.offset < SIZE && ++reads === at) stop.abort();
    return undefined;
  };
  await t.rejects(pulled('sparse', out, { format: 'raw', concurrency: 1, recordEvery: 512, signal: stop.signal }), {
    code: 'cancelled',
  });
  gate.onRequest = () => undefined;
}

/** The part file that the record of an output names. */
async function partOf(folder: string, out: string): Promise<string> {
  return join(folder, (await readPullRecord(new PullOutput(out, false).recordPath))?.part ?? 'no record');
}

/** Writes a page into a file, as somebody would who puts its time of modification back. */
async function tamper(path: string, offset: number): Promise<void> {
  const { atime, mtime } = await stat(path);
  await using file = await open(path, 'r+');
  await file.write(Buffer.alloc(512, 0xee), 0, 512, offset);
  await file.sync();
  await utimes(path, atime, mtime);
}

t.test('a pull that was stopped is resumed without reading a hole', async (t) => {
  const scene = await sparseScene(t, SIZE, BEHIND);
  const out = join(scene.folder, 'stopped.raw');
  await stopped(t, scene, out, 4);
  const { read, checked, outcome } = await scene.counted('sparse', out, { format: 'raw' });
  t.match({ checked, outcome }, { checked: 'tree', outcome: 'resumed' });
  t.ok(read < OVERHEAD, `${read} bytes were read`);
  t.ok(await scene.hasWrites(out));
});

t.test(
  'what somebody wrote into a hole of a part file between two runs is found, also with the time of modification put back',
  async (t) => {
    const scene = await sparseScene(t, SIZE, BEHIND);
    const out = join(scene.folder, 'tampered.raw');
    await stopped(t, scene, out, 4);
    await tamper(await partOf(scene.folder, out), 512 * MIB);
    await t.rejects(scene.pulled('sparse', out, { format: 'raw' }), { code: 'content-differs' });
    await t.rejects(stat(out), { code: 'ENOENT' });
    t.match(
      await scene.pulled('sparse', out, { format: 'raw' }),
      { checked: 'tree', outcome: 'pulled' },
      'the next run begins anew',
    );
    t.ok(await scene.hasWrites(out));
  },
);

t.test(
  'the doubt outlives a run that is stopped in order: a third run finds what was written before the second',
  async (t) => {
    const scene = await sparseScene(t, SIZE, BEHIND);
    const out = join(scene.folder, 'twice.raw');
    await stopped(t, scene, out, 4);
    await tamper(await partOf(scene.folder, out), 512 * MIB);
    await stopped(t, scene, out, 2);
    await t.rejects(scene.pulled('sparse', out, { format: 'raw' }), { code: 'content-differs' });
  },
);

t.test(
  'after a kill: what others wrote before the last record is found, what they wrote behind it is a hole again',
  async (t) => {
    const scene = await sparseScene(t, SIZE, BEHIND);
    for (const [where, offset, isFound] of [
      ['in a hole before', 512 * MIB, true],
      ['in a hole behind', 2 * GIB, false],
    ] as const) {
      const out = join(scene.folder, `killed ${where}.raw`);
      const run = startCli(['pull', scene.uri('sparse'), out, '--format', 'raw', '--concurrency', '1'], scene.env);
      scene.gate.onAnswer = ({ kind, range }) => {
        if (kind !== 'read' || range?.offset !== SIZE - 2 * WINDOW) return undefined;
        run.child.kill('SIGKILL');
        return 'drop';
      };
      t.equal((await run.ended).signal, 'SIGKILL');
      scene.gate.onAnswer = () => undefined;
      await scene.gate.idle();
      const { below = 0 } = (await readPullRecord(new PullOutput(out, false).recordPath))?.durable ?? {};
      t.ok(below > GIB && below < 2 * GIB, 'the record is of a moment between the two holes');
      await tamper(await partOf(scene.folder, out), offset);
      const resumed = scene.pulled('sparse', out, { format: 'raw' });
      if (isFound) await t.rejects(resumed, { code: 'content-differs' }, where);
      else {
        t.match(await resumed, { checked: 'tree', outcome: 'resumed' }, where);
        t.ok(await scene.hasWrites(out));
        await using file = await open(out);
        const found = Buffer.alloc(512);
        await file.read(found, 0, found.length, offset);
        t.ok(found.equals(Buffer.alloc(512)), 'zeros');
      }
    }
  },
);
