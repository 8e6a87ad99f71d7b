import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { geometry, setChecksum, writeImage } from '../../fixtures/vhd.js';
import { FixedStream, fixedFooterOf, openDisk, parseFixedTail } from '../../src/index.js';
import { temporaryFolder } from '../support/folder.js';

const SIZE = 3 * 1024 * 1024 + 512;
const writes = [
  { offset: 1024, data: Buffer.alloc(2048, 5) },
  { offset: SIZE - 512, data: Buffer.alloc(512, 6) },
];

async function bytesOf(stream: FixedStream): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of stream.pieces(4096)) pieces.push(Buffer.from(piece));
  return Buffer.concat(pieces);
}

t.test('the stream of a fixed disk is the file, byte for byte', async (t) => {
  const folder = await temporaryFolder(t);
  const { path } = await writeImage({
    path: join(folder, 'f.vhd'),
    type: 'fixed',
    size: SIZE,
    writes,
    creator: 'qem2',
  });
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
  t.type(
    parseFixedTail(await readFile(path).then((file) => file.subarray(-512))),
    'string',
    'the footer of a dynamic disk is no tail of a blob',
  );
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

t.test('the pieces are the disk as it reads, whatever their length, for every kind of image', async (t) => {
  const folder = await temporaryFolder(t);
  const base = { size: SIZE, blockSize: 524288, writes };
  const fixed = await writeImage({ ...base, path: join(folder, 'f.vhd'), type: 'fixed' });
  const dynamic = await writeImage({ ...base, path: join(folder, 'd.vhd'), type: 'dynamic' });
  const child = await writeImage({
    ...base,
    path: join(folder, 'c.vhd'),
    type: 'differencing',
    parent: dynamic,
    writes: [
      { offset: 1536, data: Buffer.alloc(512) },
      { offset: 2097152, data: Buffer.alloc(1024, 7) },
    ],
  });
  for (const { path } of [fixed, dynamic, child]) {
    await using disk = await openDisk(path);
    const content = Buffer.alloc(SIZE, 0xee);
    await disk.read(0, content);
    for (const [pieceLength, padding] of [
      [512, 0],
      [1000, 1536],
      [65_537, 0],
      [2 ** 20, 2 ** 20 + 512],
      [2 ** 24, 512],
    ] as const) {
      const stream = new FixedStream(disk, { padding });
      const pieces: Buffer[] = [];
      for await (const piece of stream.pieces(pieceLength)) {
        if (piece.length === 0 || piece.length > Math.max(pieceLength, 512)) t.fail(`a piece of ${piece.length} bytes`);
        pieces.push(Buffer.from(piece));
      }
      const bytes = Buffer.concat(pieces);
      t.equal(bytes.length, stream.size);
      t.ok(
        bytes.equals(Buffer.concat([content, Buffer.alloc(padding), fixedFooterOf(disk)])),
        `${disk.layers[0]?.type ?? ''}, pieces of ${pieceLength}`,
      );
    }
  }
});

t.test("the footer of a chain is the top disk's: its id, time stamp and geometry, made fixed", async (t) => {
  const folder = await temporaryFolder(t);
  const parent = await writeImage({ path: join(folder, 'p.vhd'), type: 'dynamic', size: SIZE, writes, timeStamp: 1 });
  const child = await writeImage({
    path: join(folder, 'c.vhd'),
    type: 'differencing',
    size: SIZE,
    parent: { ...parent, timeStamp: 1 },
    writes: [],
    timeStamp: 2,
    creator: 'vbox',
  });
  await using disk = await openDisk(child.path);
  const own = Buffer.from((await readFile(child.path)).subarray(-512));
  const footer = Buffer.from(fixedFooterOf(disk));
  const changed = [...footer.keys()].filter((at) => footer[at] !== own[at]);
  t.ok(
    changed.every((at) => (at >= 16 && at < 32) || (at >= 60 && at < 68)),
    'nothing but data offset, creator application, type and checksum differs',
  );
  t.equal(footer.readBigUInt64BE(16), 2n ** 64n - 1n);
  t.equal(footer.subarray(28, 32).toString('hex'), '77610000');
  t.equal(footer.readUInt32BE(60), 2);
  t.match(parseFixedTail(footer), { id: child.id, size: SIZE }, 'and its checksum is right');
});

t.test('the footer of a disk that has none is made of its id and size alone, and is a right one', async (t) => {
  for (const size of [
    512,
    20 * 2 ** 20,
    2 ** 31,
    503 * 2 ** 20,
    504 * 2 ** 20,
    127 * 2 ** 30,
    4095 * 2 ** 30,
    2 ** 42,
  ]) {
    const id = '12345678-9abc-8def-8123-456789abcdef';
    const disk = { creation: { format: 'raw', record: undefined }, id, size };
    const footer = Buffer.from(fixedFooterOf(disk));
    t.match(parseFixedTail(footer), { id, size, creator: 'wa\0\0' });
    t.ok(footer.equals(fixedFooterOf(disk)), 'each time the same');
    const { cylinders, heads, sectorsPerTrack } = geometry(size / 512);
    t.strictSame([footer.readUInt16BE(56), footer[58], footer[59]], [cylinders, heads, sectorsPerTrack], `${size}`);
    t.equal(footer.readUInt32BE(24), 0, 'no time of today');
    t.equal(footer.readBigUInt64BE(40), BigInt(size));
    t.equal(footer.readUInt32BE(8), 2);
    t.ok(footer.subarray(85).equals(Buffer.alloc(427)));
  }
  t.match(parseFixedTail(fixedFooterOf({ creation: { format: 'raw', record: undefined }, id: undefined, size: 512 })), {
    id: undefined,
  });
});
