import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { writeImage } from '../../fixtures/vhd.js';
import { FixedStream, openDisk } from '../../src/index.js';
import { temporaryFolder } from '../support/folder.js';

const isHere = spawnSync('qemu-img', ['--version']).status === 0;
const skip = !isHere && 'qemu-img is not installed';
const MIB = 1024 * 1024;

t.test('what qemu-img writes reads as what it was made of', { skip }, async (t) => {
  const folder = await temporaryFolder(t);
  const raw = Buffer.alloc(13 * MIB);
  randomBytes(MIB).copy(raw, 3 * MIB);
  randomBytes(512).copy(raw, raw.length - 512);
  await writeFile(join(folder, 'disk.raw'), raw);
  for (const subformat of ['dynamic', 'fixed']) {
    const path = join(folder, `${subformat}.vhd`);
    execFileSync('qemu-img', [
      'convert',
      '-f',
      'raw',
      '-O',
      'vpc',
      '-o',
      `subformat=${subformat},force_size=on`,
      join(folder, 'disk.raw'),
      path,
    ]);
    await using disk = await openDisk(path);
    const content = Buffer.alloc(disk.size);
    await disk.read(0, content);
    t.ok(content.equals(raw), subformat);
  }
});

t.test('qemu-img reads the stream that becomes the blob as the same disk', { skip }, async (t) => {
  const folder = await temporaryFolder(t);
  const { path } = await writeImage({
    path: join(folder, 'dynamic.vhd'),
    type: 'dynamic',
    size: 9 * MIB,
    writes: [{ offset: 5 * MIB, data: randomBytes(4096) }],
  });
  await using disk = await openDisk(path);
  const pieces: Buffer[] = [];
  for await (const piece of new FixedStream(disk).pieces()) pieces.push(Buffer.from(piece));
  await writeFile(join(folder, 'blob.vhd'), Buffer.concat(pieces));
  execFileSync('qemu-img', ['convert', '-f', 'vpc', '-O', 'raw', join(folder, 'blob.vhd'), join(folder, 'blob.raw')]);
  // qemu-img 7 takes the size from CHS, which is whole cylinders, for creators that it does not know.
  const raw = await readFile(join(folder, 'blob.raw'));
  t.ok(raw.length > 8 * MIB && raw.equals(Buffer.concat(pieces).subarray(0, raw.length)));
});
