import { truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { writeImage } from '../../fixtures/vhd.js';
import { openDisk } from '../../src/index.js';
import { localFiles } from '../../src/disk/file.js';
import { temporaryFolder } from '../support/folder.js';

t.test('a read that the file cannot fill is an error, never zeros', async (t) => {
  const path = join(await temporaryFolder(t), 'file');
  await writeFile(path, Buffer.alloc(1000, 1));
  const file = await localFiles.open(path);
  t.teardown(() => file.close());
  await file.read(0, new Uint8Array(1000));
  await t.rejects(file.read(1, new Uint8Array(1000)), {
    code: 'disk-unreadable',
    message: `${path}: the file ends at offset 1000, 1000 bytes were expected at offset 1`,
  });
  await t.rejects(file.read(5000, new Uint8Array(1)), { code: 'disk-unreadable' });
});

t.test('a file that is cut while its disk is open is noticed where it is read, data and bitmaps alike', async (t) => {
  const folder = await temporaryFolder(t);
  const parent = await writeImage({
    path: join(folder, 'parent.vhd'),
    type: 'fixed',
    size: 65536,
    writes: [{ offset: 0, data: Buffer.alloc(65536, 1) }],
  });
  const child = await writeImage({
    path: join(folder, 'child.vhd'),
    type: 'differencing',
    size: 65536,
    blockSize: 4096,
    parent,
    writes: [{ offset: 8192, data: Buffer.alloc(512, 2) }],
  });
  const into = new Uint8Array(65536);
  {
    await using disk = await openDisk(child.path);
    await truncate(parent.path, 40000);
    await t.rejects(disk.read(0, into), {
      code: 'disk-unreadable',
      message: /parent\.vhd: the file ends at offset 40000/,
    });
    await disk.read(0, into.subarray(0, 512));
  }
  await t.rejects(openDisk(child.path), { code: 'chain-broken' });
});

t.test('a bitmap that is no longer there is an error', async (t) => {
  const folder = await temporaryFolder(t);
  const parent = await writeImage({ path: join(folder, 'parent.vhd'), type: 'fixed', size: 65536, writes: [] });
  const child = await writeImage({
    path: join(folder, 'child.vhd'),
    type: 'differencing',
    size: 65536,
    blockSize: 4096,
    parent,
    writes: [{ offset: 8192, data: Buffer.alloc(512, 2) }],
  });
  await using disk = await openDisk(child.path);
  await truncate(child.path, 2048);
  await t.rejects(disk.read(8192, new Uint8Array(512)), {
    code: 'disk-unreadable',
    message: /child\.vhd: the file ends at or before offset 3072/,
  });
});
