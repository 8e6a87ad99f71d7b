import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { setChecksum, writeImage } from '../../../fixtures/vhd.js';
import { fixedFooterOf, openDisk } from '../../../src/index.js';
import { temporaryFolder } from '../../support/folder.js';

const MIB = 1024 * 1024;
const HEADER = 512;
const BAT = 512 + 1024;

/** A change to both footers. */
const footers =
  (change: (footer: Buffer) => void, keepChecksum = false) =>
  (file: Buffer) => {
    for (const at of [0, file.length - 512]) {
      const footer = file.subarray(at, at + 512);
      change(footer);
      if (!keepChecksum) setChecksum(footer, 64);
    }
  };

const header = (change: (header: Buffer) => void) => (file: Buffer) => {
  const bytes = file.subarray(HEADER, HEADER + 1024);
  change(bytes);
  setChecksum(bytes, 36);
};

/** A dynamic image of 8 MiB with blocks 0 and 2; each damage, and what its refusal says. */
const DAMAGES: readonly (readonly [what: string, damage: (file: Buffer) => void, message: RegExp])[] = [
  ['cookie wrong in both footers', footers((footer) => footer.write('conectiX', 0)), /footer cookie at offset \d+/],
  [
    'version wrong in both footers',
    footers((footer) => footer.writeUInt32BE(0x00020000, 12)),
    /footer file format version at offset \d+: 0x20000/,
  ],
  [
    'checksum wrong in both footers',
    footers((footer) => footer.writeUInt8(1, 200), true),
    /footer checksum at offset \d+: 0x/,
  ],
  ['unknown disk type', footers((footer) => footer.writeUInt32BE(5, 60)), /footer disk type at offset \d+: 0x5/],
  ['size 0', footers((footer) => footer.writeBigUInt64BE(0n, 48)), /footer current size at offset \d+: is 0/],
  [
    'size no multiple of 512',
    footers((footer) => footer.writeBigUInt64BE(1000n, 48)),
    /footer current size at offset \d+: 1000/,
  ],
  [
    'size above 2,040 GiB',
    footers((footer) => footer.writeBigUInt64BE(2041n * 1024n ** 3n, 48)),
    /footer current size at offset \d+: \d+ is above/,
  ],
  ['size of 2^63', footers((footer) => footer.writeBigUInt64BE(2n ** 63n, 48)), /footer current size at offset \d+/],
  [
    'header outside the file',
    footers((footer) => footer.writeBigUInt64BE(2n ** 60n, 16)),
    /footer data offset at offset \d+/,
  ],
  ['header cookie', header((bytes) => bytes.write('cxsparsE', 0)), /dynamic header cookie at offset 512/],
  ['header version', header((bytes) => bytes.writeUInt32BE(7, 24)), /dynamic header version at offset 536: 0x7/],
  ['header checksum', (file) => file.writeUInt8(1, HEADER + 900), /dynamic header checksum at offset 548/],
  ['block size 0', header((bytes) => bytes.writeUInt32BE(0, 32)), /dynamic header block size at offset 544: 0/],
  [
    'block size no power of two',
    header((bytes) => bytes.writeUInt32BE(3 * MIB, 32)),
    /block size at offset 544: 3145728/,
  ],
  ['block size below 4 KiB', header((bytes) => bytes.writeUInt32BE(2048, 32)), /block size at offset 544: 2048/],
  ['block size of 2^31', header((bytes) => bytes.writeUInt32BE(2 ** 31, 32)), /block size at offset 544: 2147483648/],
  ['too few table entries', header((bytes) => bytes.writeUInt32BE(3, 28)), /max table entries at offset 540: 3/],
  ['2^32 − 1 table entries', header((bytes) => bytes.writeUInt32BE(0xffffffff, 28)), /table offset at offset 528/],
  ['table outside the file', header((bytes) => bytes.writeBigUInt64BE(2n ** 50n, 16)), /table offset at offset 528/],
  ['table over the footer copy', header((bytes) => bytes.writeBigUInt64BE(0n, 16)), /table offset at offset 528/],
  [
    'table over the header',
    header((bytes) => bytes.writeBigUInt64BE(1024n, 16)),
    /table offset at offset 528: the BAT at 1024 overlaps/,
  ],
  [
    'block in the header',
    (file) => file.writeUInt32BE(1, BAT),
    /BAT entry 0 at offset 1536: sector 0x1 points into the dynamic header/,
  ],
  ['block in the footer copy', (file) => file.writeUInt32BE(0, BAT), /BAT entry 0 at offset 1536: sector 0x0/],
  [
    'block in the BAT',
    (file) => file.writeUInt32BE(3, BAT),
    /BAT entry 0 at offset 1536: sector 0x3 points into the BAT/,
  ],
  [
    'block past the end',
    (file) => file.writeUInt32BE(0x7fffffff, BAT + 8),
    /BAT entry 2 at offset 1544: sector 0x7fffffff puts the block/,
  ],
  [
    'block cut short by the end',
    (file) => file.writeUInt32BE(file.readUInt32BE(BAT + 8) + 8, BAT + 8),
    /BAT entry 2 at offset 1544: .* past the end/,
  ],
  [
    'blocks that overlap',
    (file) => file.writeUInt32BE(file.readUInt32BE(BAT) + 1, BAT + 8),
    /BAT entry \d at offset \d+: .* overlaps the block/,
  ],
  [
    'the same block twice',
    (file) => file.writeUInt32BE(file.readUInt32BE(BAT), BAT + 4),
    /BAT entry \d at offset \d+: .* overlaps the block/,
  ],
];

async function dynamicImage(folder: string): Promise<Buffer> {
  const { path } = await writeImage({
    path: join(folder, 'good.vhd'),
    type: 'dynamic',
    size: 8 * MIB,
    writes: [
      { offset: 0, data: Buffer.alloc(512, 1) },
      { offset: 4 * MIB, data: Buffer.alloc(512, 2) },
    ],
  });
  return readFile(path);
}

t.test('a damaged image is refused with the file, the offset and the field', async (t) => {
  const folder = await temporaryFolder(t);
  const good = await dynamicImage(folder);
  const path = join(folder, 'damaged.vhd');
  for (const [what, damage, message] of DAMAGES) {
    const file = Buffer.from(good);
    damage(file);
    await writeFile(path, file);
    const error = await openDisk(path).then(
      async (disk) => {
        await disk.close();
        return undefined;
      },
      (thrown: unknown) => thrown,
    );
    t.match(error, { code: 'disk-invalid', message }, what);
    t.match(error, { message: path }, 'and names the file');
  }
});

t.test('a footer that is torn off is replaced by the copy at the start, with a warning', async (t) => {
  const folder = await temporaryFolder(t);
  const good = await dynamicImage(folder);
  const path = join(folder, 'torn.vhd');
  for (const file of [good.subarray(0, -512), Buffer.concat([good.subarray(0, -512), Buffer.alloc(512, 3)])]) {
    await writeFile(path, file);
    await using disk = await openDisk(path);
    t.equal(disk.size, 8 * MIB);
    t.match(disk.layers[0]?.warnings, [{ code: 'footer-place', message: /missing or damaged/ }]);
  }
});

t.test('the footer of 511 bytes of old Virtual PC is read', async (t) => {
  const folder = await temporaryFolder(t);
  const { path } = await writeImage({
    path: join(folder, 'fixed.vhd'),
    type: 'fixed',
    size: MIB,
    writes: [{ offset: 0, data: Buffer.alloc(512, 1) }],
  });
  await writeFile(path, (await readFile(path)).subarray(0, -1));
  await using disk = await openDisk(path);
  t.equal(disk.size, MIB);
  t.equal(fixedFooterOf(disk).length, 512);
  t.match(disk.layers[0]?.warnings, [{ message: /511 bytes/ }]);
});

t.test('a fixed disk that is cut short is refused', async (t) => {
  const folder = await temporaryFolder(t);
  const { path } = await writeImage({ path: join(folder, 'fixed.vhd'), type: 'fixed', size: MIB, writes: [] });
  const file = await readFile(path);
  await writeFile(path, Buffer.concat([file.subarray(0, MIB / 2), file.subarray(-512)]));
  await t.rejects(openDisk(path), { code: 'disk-invalid', message: /footer current size/ });
});

t.test('--ignore-checksum reads what a wrong checksum would refuse, with a warning', async (t) => {
  const folder = await temporaryFolder(t);
  const file = await dynamicImage(folder);
  file.writeUInt8(1, HEADER + 900);
  footers((footer) => footer.writeUInt8(1, 200), true)(file);
  const path = join(folder, 'bad.vhd');
  await writeFile(path, file);
  await using disk = await openDisk(path, { ignoreChecksum: true });
  t.match(disk.layers[0]?.warnings, [{ message: /footer checksum/ }, { message: /dynamic header/ }]);
});

t.test('other formats are named, a missing file, a folder and an empty file are told', async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'other');
  for (const [magic, name] of [
    ['vhdxfile', 'VHDX'],
    ['QFI\xfb', 'QCOW2'],
    ['KDMV', 'VMDK'],
  ] as const) {
    await writeFile(path, Buffer.concat([Buffer.from(magic, 'latin1'), Buffer.alloc(4096)]));
    await t.rejects(openDisk(path, { format: 'vhd' }), { code: 'disk-unsupported', message: new RegExp(name) });
  }
  await t.rejects(openDisk(join(folder, 'none.vhd')), { code: 'disk-unreadable', message: /no such file/ });
  await t.rejects(openDisk(folder), { code: 'disk-unreadable' });
  await writeFile(path, '');
  await t.rejects(openDisk(path), { code: 'disk-invalid' });
});
