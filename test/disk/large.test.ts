import { open } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { setChecksum, writeImage } from '../../fixtures/vhd.js';
import { checkDisk, openDisk, type Extent } from '../../src/index.js';
import { temporaryFolder } from '../support/folder.js';

const GIB = 1024 ** 3;
const SIZE = 2040 * GIB;
const BLOCK = 2 * 1024 * 1024;
const BAT = 512 + 1024;

async function extentsOf(path: string): Promise<Extent[]> {
  await using disk = await openDisk(path);
  const extents: Extent[] = [];
  for await (const extent of disk.extents()) extents.push(extent);
  return extents;
}

async function lastSector(path: string): Promise<number> {
  await using disk = await openDisk(path);
  const sector = new Uint8Array(512);
  await disk.read(disk.size - 512, sector);
  return sector[511] ?? 0;
}

/** Makes a file, or says why the folder for tests cannot hold one so large. */
async function orSkip(t: Test, make: () => Promise<void>): Promise<boolean> {
  try {
    await make();
    return true;
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (!['EFBIG', 'ENOSPC', 'EINVAL'].includes(code)) throw error;
    t.pass('made', { skip: `the file system of the test's folder holds no file so large (${code})` });
    return false;
  }
}

t.test('a dynamic disk of 2,040 GiB opens, lists its extents and reads at its very end', async (t) => {
  const folder = await temporaryFolder(t);
  const { path } = await writeImage({
    path: join(folder, 'dynamic.vhd'),
    type: 'dynamic',
    size: SIZE,
    writes: [
      { offset: 0, data: Buffer.alloc(512, 3) },
      { offset: SIZE - 512, data: Buffer.alloc(512, 9) },
    ],
  });
  const extents = await extentsOf(path);
  t.strictSame(
    extents.map(({ offset, length, kind }) => [offset, length, kind]),
    [
      [0, BLOCK, 'data'],
      [BLOCK, SIZE - 2 * BLOCK, 'zero'],
      [SIZE - BLOCK, BLOCK, 'data'],
    ],
  );
  t.equal(await lastSector(path), 9);
  t.strictSame((await checkDisk(path)).errors, []);

  const child = await writeImage({
    path: join(folder, 'child.vhd'),
    type: 'differencing',
    size: SIZE,
    parent: { path, id: await idOf(path) },
    writes: [{ offset: SIZE - 1024, data: Buffer.alloc(512, 5) }],
  });
  t.strictSame(
    (await extentsOf(child.path)).slice(-3).map(({ offset, kind, layer }) => [offset, kind, layer]),
    [
      [SIZE - BLOCK, 'data', 1],
      [SIZE - 1024, 'data', 0],
      [SIZE - 512, 'data', 1],
    ],
  );
});

async function idOf(path: string): Promise<string> {
  await using disk = await openDisk(path);
  return disk.id ?? '';
}

t.test('a block that lies near the end of a file of 2 TiB is read from there', async (t) => {
  const folder = await temporaryFolder(t);
  const { path } = await writeImage({ path: join(folder, 'far.vhd'), type: 'dynamic', size: SIZE, writes: [] });
  const sector = 0xffff_ff00 - BLOCK / 512;
  const made = await orSkip(t, async () => {
    await using file = await open(path, 'r+');
    const footer = Buffer.alloc(512);
    await file.read(footer, 0, 512, 0);
    const entry = Buffer.alloc(4);
    entry.writeUInt32BE(sector);
    await file.write(entry, 0, 4, BAT + (SIZE / BLOCK - 1) * 4);
    await file.write(Buffer.alloc(512, 7), 0, 512, sector * 512 + BLOCK);
    await file.write(footer, 0, 512, sector * 512 + 512 + BLOCK);
  });
  if (!made) return;
  t.equal(await lastSector(path), 7);
  t.equal((await extentsOf(path)).at(-1)?.offset, SIZE - BLOCK);
});

t.test('a fixed disk of 2,040 GiB opens, is one extent, and reads at its very end', async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'fixed.vhd');
  const made = await orSkip(t, async () => {
    await writeImage({ path, type: 'fixed', size: SIZE, writes: [{ offset: SIZE - 512, data: Buffer.alloc(512, 8) }] });
  });
  if (!made) return;
  t.strictSame(await extentsOf(path), [{ offset: 0, length: SIZE, kind: 'data', layer: 0 }]);
  t.equal(await lastSector(path), 8);
  t.strictSame((await checkDisk(path)).errors, []);
});

t.test('a small file that claims a table for a disk of 2,040 GiB takes no memory for it', async (t) => {
  const folder = await temporaryFolder(t);
  const { path } = await writeImage({
    path: join(folder, 'claims.vhd'),
    type: 'dynamic',
    size: 1024 * 1024,
    blockSize: 4096,
    writes: [],
  });
  await using file = await open(path, 'r+');
  const { size } = await file.stat();
  const bytes = Buffer.alloc(size);
  await file.read(bytes, 0, size, 0);
  for (const at of [0, size - 512]) {
    bytes.writeBigUInt64BE(BigInt(SIZE), at + 48);
    setChecksum(bytes.subarray(at, at + 512), 64);
  }
  bytes.writeUInt32BE(SIZE / 4096, 512 + 28);
  setChecksum(bytes.subarray(512, 1536), 36);
  await file.write(bytes, 0, size, 0);
  const before = process.memoryUsage().arrayBuffers;
  await t.rejects(openDisk(path), { code: 'disk-invalid', message: /table offset/ });
  t.ok(process.memoryUsage().arrayBuffers - before < 8 * 1024 * 1024);
  // The table is there, but only as a hole: still more blocks than are held in memory.
  await file.truncate(512 + 1024 + SIZE / 1024 + 512);
  await file.write(bytes, size - 512, 512, 512 + 1024 + SIZE / 1024);
  await t.rejects(openDisk(path), { code: 'disk-unsupported', message: /make 534773760 blocks, more than/ });
  t.ok(process.memoryUsage().arrayBuffers - before < 8 * 1024 * 1024);
});
