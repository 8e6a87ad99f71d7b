import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { setChecksum, writeImage } from '../../fixtures/vhd.js';
import { FixedStream, openDisk, parseFixedTail } from '../../src/index.js';
import { temporaryFolder } from '../support/folder.js';

const SIZE = 3 * 1024 * 1024 + 512;
const writes = [{ offset: 1024, data: Buffer.alloc(2048, 5) }, { offset: SIZE - 512, data: Buffer.alloc(512, 6) }];

async function bytesOf(stream: FixedStream): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of stream.pieces(4096)) pieces.push(Buffer.from(piece));
  return Buffer.concat(pieces);
}

t.test('the stream of a fixed disk is the file, byte for byte', async (t) => {
  const folder = await temporaryFolder(t);
  const { path } = await writeImage({ path: join(folder, 'f.vhd'), type: 'fixed', size: SIZE, writes, creator: 'qem2' });
  await using disk = await openDisk(path);
  t.ok((await bytesOf(new FixedStream(disk))).equals(await readFile(path)));
});

t.test('the stream of a sparse disk ends with its own footer, made fixed as Add-AzVhd makes it', async (t) => {
  const folder = await temporaryFolder(t);
  const { path, id } = await writeImage({ path: join(folder, 'd.vhd'), type: 'dynamic', size: SIZE, writes });
  const expected = Buffer.from(await readFile(path)).subarray(0, 512);
  expected.fill(0xff, 16, 24);
  expected.set([0x77, 0x61, 0, 0], 28);
  expected.writeUInt32BE(2, 60);
  setChecksum(expected, 64);
  await using disk = await openDisk(path);
  const stream = new FixedStream(disk);
  const bytes = await bytesOf(stream);
  t.equal(bytes.length, stream.size);
  t.ok(bytes.subarray(-512).equals(expected));
  const content = Buffer.alloc(SIZE);
  await disk.read(0, content);
  t.ok(bytes.subarray(0, SIZE).equals(content));
  t.match(parseFixedTail(bytes.subarray(-512)), { id, size: SIZE });
  t.type(parseFixedTail(await readFile(path).then((file) => file.subarray(-512))), 'string', 'the footer of a dynamic disk is no tail of a blob');
});

t.test('older uploaders padded the disk: the stream can be had in their form', async (t) => {
  const folder = await temporaryFolder(t);
  const { path } = await writeImage({ path: join(folder, 'd.vhd'), type: 'dynamic', size: SIZE, writes });
  await using disk = await openDisk(path);
  const footer = Buffer.alloc(512, 9);
  const bytes = await bytesOf(new FixedStream(disk, { footer, padding: 4096 }));
  t.equal(bytes.length, SIZE + 4096 + 512);
  t.ok(bytes.subarray(SIZE, SIZE + 4096).equals(Buffer.alloc(4096)));
  t.ok(bytes.subarray(-512).equals(footer));
});
