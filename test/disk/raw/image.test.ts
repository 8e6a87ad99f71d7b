import { open, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { writeImage } from '../../../fixtures/vhd.js';
import { checkDisk, openDisk, type Disk, type FormatName } from '../../../src/index.js';
import { openDiskFrom } from '../../../src/disk/open.js';
import { temporaryFolder } from '../../support/folder.js';
import { MemoryFiles } from '../../support/memory-files.js';

const MIB = 1024 * 1024;

/** A disk with a partition table, and bytes that tell their place. */
function partitioned(size: number): Buffer {
  const content = Buffer.alloc(size);
  for (let at = 0; at < size; at += 4) content.writeUInt32LE(at % 2 ** 32, at & ~3);
  content.fill(0, 440, 512);
  content.set([0x55, 0xaa], 510);
  return content;
}

async function fileWith(t: Test, content: string | Uint8Array, name = 'disk.img'): Promise<string> {
  const path = join(await temporaryFolder(t), name);
  await writeFile(path, content);
  return path;
}

async function contentOf(disk: Disk): Promise<Buffer> {
  const content = Buffer.alloc(disk.size, 0xee);
  await disk.read(0, content);
  return content;
}

t.test('a file with a partition table is a raw disk: its bytes are the disk', async (t) => {
  const content = partitioned(3 * MIB);
  const path = await fileWith(t, content);
  await using disk = await openDisk(path);
  t.match(disk, {
    size: 3 * MIB,
    layers: [{ path, format: 'raw', type: 'fixed', isIdDerived: true, creator: '', warnings: [] }],
  });
  t.equal(disk.id, disk.layers[0]?.id);
  t.ok((await contentOf(disk)).equals(content));
  const extents = [];
  for await (const extent of disk.extents()) extents.push(extent);
  t.strictSame(extents, [{ offset: 0, length: 3 * MIB, kind: 'data', layer: 0 }]);
  t.strictSame(await checkDisk(path), {
    files: [{ path, type: 'fixed', id: disk.id, virtualSize: 3 * MIB }],
    errors: [],
    warnings: [],
  });
});

t.test('a size that is not a multiple of 512 is filled up with zeros, with a warning', async (t) => {
  const content = partitioned(MIB).subarray(0, MIB - 3);
  await using disk = await openDisk(await fileWith(t, content));
  t.equal(disk.size, MIB);
  t.match(disk.layers[0]?.warnings, [{ code: 'partial-sector', message: /not a multiple of 512/ }]);
  t.ok((await contentOf(disk)).equals(Buffer.concat([content, Buffer.alloc(3)])));
  for (const [offset, length] of [
    [MIB - 3, 3],
    [MIB - 2, 2],
    [MIB - 5, 5],
    [MIB - 5, 2],
    [MIB - 512, 512],
    [MIB - 4, 1],
  ] as const) {
    const part = Buffer.alloc(length, 0xee);
    await disk.read(offset, part);
    t.ok(
      part.equals(Buffer.concat([content, Buffer.alloc(3)]).subarray(offset, offset + length)),
      `${length} at ${offset}`,
    );
  }
});

t.test('the id is the same wherever the file is, and another one if size or ends differ', async (t) => {
  const idOf = async (content: Buffer) => {
    const files = new MemoryFiles([['/vms/a.img', content]]);
    await using disk = await openDiskFrom(files, '/vms/a.img', { format: 'raw' });
    return disk.id;
  };
  const content = partitioned(4 * MIB);
  const id = await idOf(content);
  t.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/, 'a UUID of version 8');
  await using copy = await openDisk(await fileWith(t, content, 'copy.img'));
  t.equal(copy.id, id);
  for (const at of [0, MIB - 1, 3 * MIB, 4 * MIB - 1]) {
    const other = Buffer.from(content);
    other[at] = (other[at] ?? 0) ^ 1;
    t.not(await idOf(other), id, `the byte at ${at}`);
  }
  t.not(await idOf(content.subarray(0, -512)), id);
  t.equal(await idOf(partitioned(700)), await idOf(partitioned(700)), 'a tiny one');
});

t.test('what is no disk is refused, and the hint says how to have it read', async (t) => {
  for (const content of ['a text file\n'.repeat(500), 'short', Buffer.alloc(MIB), '']) {
    const path = await fileWith(t, content);
    await t.rejects(openDisk(path), { code: 'disk-invalid', hint: /`format: 'raw'`/ });
    t.match((await checkDisk(path)).errors, [{ code: 'disk-invalid', hint: /`format: 'raw'`/ }]);
  }
  const path = await fileWith(t, 'a text file\n'.repeat(500));
  await using disk = await openDisk(path, { format: 'raw' });
  t.match(disk.layers[0]?.warnings, [
    { code: 'partial-sector' },
    { message: /no partition table and no known file system/ },
  ]);
  await t.rejects(openDisk(await fileWith(t, ''), { format: 'raw' }), { code: 'disk-invalid', message: /empty/ });
  await t.rejects(openDisk(path, { format: 'qcow9' as FormatName }), {
    code: 'usage',
    message: /format. takes 'vhd', 'vhdx', 'qcow2', 'raw', not 'qcow9'/,
  });
});

const MAGIC: readonly (readonly [name: RegExp, at: number, magic: string])[] = [
  [/QCOW/, 0, 'QFI\xfb\0\0\0\x01'],
  [/QED/, 0, 'QED\0'],
  [/VMDK/, 0, 'KDMV'],
  [/VMDK/, 0, 'COWD'],
  [/VMDK/, 0, '\xbe\xba\xfe\xca\0\0\0\0'],
  [/VMDK/, 0, '# Disk DescriptorFile\n'],
  [/VMDK/, 0, '\xef\xbb\xbf\r\n# disk Descriptor File\r\n'],
  [/VDI/, 64, '\x7f\x10\xda\xbe'],
  [/gzip/, 0, '\x1f\x8b'],
  [/zstd/, 0, '\x28\xb5\x2f\xfd'],
  [/zstd/, 0, '\x51\x2a\x4d\x18'],
  [/xz/, 0, '\xfd7zXZ\0'],
  [/tar/, 257, 'ustar'],
  [/LUKS/, 0, 'LUKS\xba\xbe'],
  [/Parallels/, 0, 'WithouFreSpacExt'],
  [/Apple/, 0, 'ER\x02'],
];

t.test("a raw disk that begins like another format's image is never taken as raw by itself", async (t) => {
  for (const [name, at, magic] of MAGIC) {
    const content = partitioned(MIB);
    content.write(magic, at, 'latin1');
    const path = await fileWith(t, content);
    await t.rejects(openDisk(path), { code: 'disk-unsupported', message: name }, String(name));
    await using disk = await openDisk(path, { format: 'raw' });
    t.match(disk.layers, [
      { format: 'raw', warnings: [{ code: 'looks-like-image', message: /image of another format/ }] },
    ]);
    t.ok((await contentOf(disk)).equals(content));
  }
  const dmg = partitioned(MIB);
  dmg.write('koly', MIB - 512);
  await t.rejects(openDisk(await fileWith(t, dmg)), { code: 'disk-unsupported', message: /DMG/ });
  const vhdx = partitioned(MIB);
  vhdx.write('vhdxfile');
  await t.rejects(openDisk(await fileWith(t, vhdx)), { code: 'disk-invalid', message: /header 1 signature/ });
});

t.test(
  'a guest that writes the footer of a VHD to its last sector changes nothing for a disk that is named raw',
  async (t) => {
    const folder = await temporaryFolder(t);
    const { path: vhd } = await writeImage({ path: join(folder, 'f.vhd'), type: 'fixed', size: MIB - 512, writes: [] });
    const content = Buffer.concat([partitioned(MIB - 512), (await readFile(vhd)).subarray(-512)]);
    const path = await fileWith(t, content);
    {
      await using disk = await openDisk(path, { format: 'raw' });
      t.match(disk, {
        size: MIB,
        layers: [{ format: 'raw', warnings: [{ code: 'looks-like-image', message: /image of another format/ }] }],
      });
      t.ok((await contentOf(disk)).equals(content));
    }
    await using disk = await openDisk(path);
    t.match(disk, { size: MIB - 512, layers: [{ format: 'vhd' }] }, 'not named, it is a VHD');
  },
);

t.test('a VHD without its footer is a damaged VHD, though a partition table is in it', async (t) => {
  for (const name of ['disk.vhd', 'DISK.AVHD', 'disk.vhdx', 'disk.qcow2', 'disk.vmdk', 'disk.vdi']) {
    const path = await fileWith(t, partitioned(MIB), name);
    await t.rejects(openDisk(path), { code: 'disk-invalid', message: /not a VHD/ }, name);
    await using disk = await openDisk(path, { format: 'raw' });
    t.match(disk.layers, [{ format: 'raw' }]);
  }
  const damaged = partitioned(MIB);
  damaged.write('conectix', MIB - 512);
  await t.rejects(
    openDisk(await fileWith(t, damaged)),
    { code: 'disk-invalid', message: /footer/ },
    'one with a broken footer too',
  );
  const named = await fileWith(t, partitioned(MIB));
  await t.rejects(openDisk(named, { format: 'vhd' }), { code: 'disk-invalid', message: /not a VHD/ });
});

t.test('a raw disk is no parent, and has none', async (t) => {
  const folder = await temporaryFolder(t);
  await writeFile(join(folder, 'parent.img'), partitioned(MIB));
  const id = '11111111-2222-3333-4444-555555555555';
  const child = await writeImage({
    path: join(folder, 'child.vhd'),
    type: 'differencing',
    size: MIB,
    parent: { path: join(folder, 'parent.img'), id },
    writes: [],
  });
  await t.rejects(openDisk(child.path), { code: 'chain-broken', message: /parent\.img.*not a VHD/ });
});

t.test(
  'a file that is cut short by its partition table or file system is read only as requested, with a warning',
  async (t) => {
    const content = partitioned(2 * MIB);
    content.set([0, 0, 0, 0, 0x83, 0, 0, 0], 446);
    content.writeUInt32LE(2048, 454);
    content.writeUInt32LE(2048, 458);
    t.match((await checkDisk(await fileWith(t, content))).warnings, []);
    const cut = await fileWith(t, content.subarray(0, -512));
    await t.rejects(openDisk(cut), { code: 'disk-invalid', hint: /`format: 'raw'`/ });
    t.match((await checkDisk(cut, { format: 'raw' })).warnings, [{ message: /MBR says .* 2097152 bytes.*cut short/ }]);
    const large = Buffer.alloc(MIB);
    large.write('EFI PART', 4096);
    large.writeBigUInt64LE(255n, 4096 + 32);
    t.match((await checkDisk(await fileWith(t, large))).warnings, [{ message: /sectors of 4096 bytes/ }]);
  },
);

t.test('a change of the first or the last MiB changes the digest of the structures', async (t) => {
  const path = await fileWith(t, partitioned(4 * MIB));
  await using disk = await openDisk(path);
  const structure = async () => (await disk.sourceFiles())[0]?.structure;
  t.equal(await structure(), disk.openedFiles[0]?.structure);
  for (const at of [100, 4 * MIB - 1]) {
    await using file = await open(path, 'r+');
    await file.write(Buffer.from([0xa5]), 0, 1, at);
    t.not(await structure(), disk.openedFiles[0]?.structure, `the byte at ${at}`);
  }
});
