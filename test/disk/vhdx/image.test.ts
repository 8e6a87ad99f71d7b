import { join } from 'node:path';
import t from 'tap';
import { writeVhdx, type VhdxSpec, type WrittenVhdx } from '../../../fixtures/vhdx.js';
import { openDiskFrom } from '../../../src/disk/open.js';
import { openDisk } from '../../../src/index.js';
import { temporaryFolder } from '../../support/folder.js';
import { filesOf, sealAll, vhdxFile } from '../../support/vhdx-files.js';

const MIB = 2 ** 20;
const PATH = '/vms/disk.vhdx';
const OTHER = 'aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee';

t.test('the layer says what the file says: format, type, ids, sizes, creator, details', async (t) => {
  const dataWriteGuid = 'f88d4d92-6fcc-408d-9bef-9b7c89f15c89';
  const { bytes, virtualDiskId } = vhdxFile({ dataWriteGuid, creator: 'Tool\u0007 ü' });
  await using disk = await openDiskFrom(filesOf(bytes), PATH);
  t.equal(disk.id, dataWriteGuid, 'the text form, whose order is not that of the bytes');
  t.strictSame(disk.layers, [
    {
      path: PATH,
      format: 'vhdx',
      type: 'dynamic',
      id: dataWriteGuid,
      parentId: undefined,
      size: 4 * MIB,
      allocated: MIB,
      blockSize: MIB,
      sectorSize: 512,
      creator: 'Tool\\u0007 ü',
      details: [
        { name: 'physicalSectorSize', label: 'physical sector size', value: 4096, text: '4096 bytes' },
        { name: 'virtualDiskId', label: 'virtual disk id', value: virtualDiskId, text: virtualDiskId },
      ],
      warnings: [],
    },
  ]);
  t.strictSame(disk.creation, { format: 'vhdx', record: undefined });
});

t.test('a fixed disk, sectors of 4,096 bytes, and a file without an id', async (t) => {
  const { bytes, places } = vhdxFile({ type: 'fixed', logicalSectorSize: 4096 });
  bytes.fill(0, places.currentHeader + 32, places.currentHeader + 48);
  sealAll(bytes, places);
  await using disk = await openDiskFrom(filesOf(bytes), PATH);
  t.match(disk.layers, [
    {
      type: 'fixed',
      sectorSize: 4096,
      allocated: 4 * MIB,
      details: [{ name: 'virtualDiskId' }],
      warnings: [{ code: 'no-id' }, { code: 'sector-size' }],
    },
  ]);
  t.equal(disk.id, undefined);
});

t.test('the id is that of the current header, whatever else the headers say', async (t) => {
  for (const currentHeader of [1, 2] as const) {
    const { bytes, places, dataWriteGuid } = vhdxFile({ currentHeader, sequenceNumber: 2n ** 60n });
    {
      await using disk = await openDiskFrom(filesOf(bytes), PATH);
      t.equal(disk.id, dataWriteGuid);
    }
    // A program that opens the file for writing, and writes nothing, switches headers and changes FileWriteGuid.
    bytes.copy(bytes, places.otherHeader, places.currentHeader, places.currentHeader + 4096);
    bytes.writeBigUInt64LE(2n ** 60n + 1n, places.otherHeader + 8);
    bytes.fill(7, places.otherHeader + 16, places.otherHeader + 32);
    sealAll(bytes, places);
    await using disk = await openDiskFrom(filesOf(bytes), PATH);
    t.equal(disk.id, dataWriteGuid, 'another FileWriteGuid is the same state');
  }
});

t.test('a block in state 5, of a draft of the format, is all zeros, with a warning', async (t) => {
  const { bytes, places } = vhdxFile();
  bytes.writeUInt8(5, places.payloadEntry(1));
  await using disk = await openDiskFrom(filesOf(bytes), PATH);
  t.match(disk.layers, [{ allocated: 0, warnings: [{ code: 'block-state', message: /1 blocks have the state 5/ }] }]);
  const content = Buffer.alloc(disk.size, 1);
  await disk.read(0, content);
  t.ok(content.equals(Buffer.alloc(disk.size)));
});

async function family(
  folder: string,
  parent: Partial<VhdxSpec>,
  child: (parent: WrittenVhdx) => Partial<VhdxSpec>,
): Promise<string> {
  const written = await writeVhdx({
    path: join(folder, 'parent.vhdx'),
    type: 'dynamic',
    size: 2 * MIB,
    operations: [{ kind: 'write', offset: 0, data: Buffer.alloc(MIB, 1) }],
    ...parent,
  });
  const path = join(folder, 'child.avhdx');
  await writeVhdx({
    path,
    type: 'differencing',
    size: 2 * MIB,
    operations: [{ kind: 'write', offset: 4096, data: Buffer.alloc(4096, 2) }],
    parent: { linkage: written.dataWriteGuid, relativePath: '.\\parent.vhdx' },
    ...child(written),
  });
  return path;
}

t.test('a parent fits by parent_linkage, or by parent_linkage2 while it is merged', async (t) => {
  const folder = await temporaryFolder(t);
  for (const parent of [
    ({ dataWriteGuid }: WrittenVhdx) => ({ linkage: dataWriteGuid.toUpperCase(), relativePath: 'parent.vhdx' }),
    ({ dataWriteGuid }: WrittenVhdx) => ({ linkage: OTHER, linkage2: dataWriteGuid, relativePath: 'parent.vhdx' }),
    ({ dataWriteGuid }: WrittenVhdx) => ({
      linkage: `{${dataWriteGuid.toUpperCase()}}`,
      volumePath: '\\\\?\\Volume{1}\\parent.vhdx',
    }),
    ({ dataWriteGuid }: WrittenVhdx) => ({ linkage: dataWriteGuid, absoluteWin32Path: '\\\\?\\C:\\a\\parent.vhdx' }),
  ]) {
    const path = await family(folder, {}, (written) => ({ parent: parent(written) }));
    await using disk = await openDisk(path);
    t.equal(disk.layers.length, 2);
    const piece = Buffer.alloc(8192);
    await disk.read(0, piece);
    t.ok(piece.equals(Buffer.concat([Buffer.alloc(4096, 1), Buffer.alloc(4096, 2)])));
  }
});

t.test('a parent that was changed, or has other sectors, is refused; one of another size is a warning', async (t) => {
  const folder = await temporaryFolder(t);
  const none = '00000000-0000-0000-0000-000000000000';
  for (const linkage2 of [undefined, none]) {
    const path = await family(folder, {}, () => ({
      parent: { linkage: OTHER, relativePath: 'parent.vhdx', ...(linkage2 === undefined ? {} : { linkage2 }) },
    }));
    await t.rejects(openDisk(path), {
      code: 'chain-broken',
      message: new RegExp(
        `parent locator parent_linkage at offset \\d+: [^]*asks for ${OTHER}: it is another disk, or was changed`,
      ),
    });
  }
  const sectors = await family(folder, { logicalSectorSize: 4096 }, () => ({}));
  await t.rejects(openDisk(sectors), {
    code: 'chain-broken',
    message: /its sectors have 4096 bytes, those of the child 512/,
  });
  const sizes = await family(folder, { size: MIB }, () => ({}));
  await using disk = await openDisk(sizes);
  t.match(disk.warnings, [{ code: 'parent-size' }]);
});

t.test(
  'only a VHDX is the parent of a VHDX, and paths are tried in the order relative, volume, absolute',
  async (t) => {
    const folder = await temporaryFolder(t);
    const path = await family(folder, {}, () => ({
      parent: {
        linkage: OTHER,
        absoluteWin32Path: 'C:\\a\\third.vhdx',
        volumePath: '\\\\?\\Volume{1}\\second.vhdx',
        relativePath: 'first.vhdx',
      },
    }));
    await t.rejects(openDisk(path), { code: 'chain-broken', message: /first\.vhdx[^]*second\.vhdx[^]*third\.vhdx/ });
  },
);

t.test('sectors of a child are read in every chunk, not only in the last one with a bitmap', async (t) => {
  const chunk = 4096 * MIB;
  const offsets = [4096, chunk + 4096, 2 * chunk + 4096];
  const folder = await temporaryFolder(t);
  const path = await family(folder, { size: 3 * chunk }, () => ({
    size: 3 * chunk,
    operations: offsets.map((offset, index) => ({ kind: 'write', offset, data: Buffer.alloc(4096, index + 2) })),
  }));
  await using disk = await openDisk(path);
  for (const [index, offset] of offsets.entries()) {
    const piece = Buffer.alloc(8192);
    await disk.read(offset - 4096, piece);
    const below = Buffer.alloc(4096, index === 0 ? 1 : 0);
    t.ok(piece.equals(Buffer.concat([below, Buffer.alloc(4096, index + 2)])), `chunk ${index}`);
  }
});
