import t from 'tap';
import type { VhdxItemName, VhdxPlaces, VhdxSpec } from '../../../fixtures/vhdx.js';
import { checkDiskFrom } from '../../../src/disk/check.js';
import { openDiskFrom } from '../../../src/disk/open.js';
import { filesOf, sealAll, vhdxFile, type VhdxFile } from '../../support/vhdx-files.js';

const MIB = 2 ** 20;
const PATH = '/vms/disk.vhdx';
const [TABLE_1 = 0, TABLE_2 = 0] = [192 * 1024, 256 * 1024];
const PARENT = { linkage: '11111111-2222-3333-4444-555555555555', relativePath: 'parent.vhdx' };
const CHILD: Partial<VhdxSpec> = {
  type: 'differencing',
  parent: PARENT,
  operations: [{ kind: 'write', offset: MIB, data: Buffer.alloc(512, 1) }],
};

interface Refusal {
  readonly spec?: Partial<VhdxSpec>;
  /** Damages the image; checksums are set afterwards, unless it says not to. */
  readonly damage: (file: VhdxFile) => void;
  readonly keepsChecksums?: true;
  readonly at: number | undefined | ((places: VhdxPlaces) => number);
  readonly field: string | undefined;
  readonly problem: RegExp;
  readonly code?: 'disk-unsupported';
}

const item = ({ items }: VhdxPlaces, name: VhdxItemName) => items.get(name) ?? { entry: 0, data: 0, length: 0 };
const bothHeaders = (file: VhdxFile, change: (at: number) => void) => {
  change(file.places.currentHeader);
  change(file.places.otherHeader);
};
const bothTables = ({ places }: VhdxFile, change: (at: number) => void) => {
  for (const at of places.regionTables) change(at);
};
/** The locator entry of a key, in the order of the fixture. */
const locatorEntry = (places: VhdxPlaces, index: number) => item(places, 'parentLocator').data + 20 + 12 * index;

const REFUSALS: Readonly<Record<string, Refusal>> = {
  'both headers without signature': {
    damage: (file) => {
      bothHeaders(file, (at) => file.bytes.write('daeh', at));
    },
    at: 65536,
    field: 'header 1 signature',
    problem: /is not "head"/,
  },
  'both headers with a wrong checksum': {
    damage: (file) => {
      bothHeaders(file, (at) => file.bytes.writeUInt8(1, at + 200));
    },
    keepsChecksums: true,
    at: 65540,
    field: 'header 1 checksum',
    problem: /is wrong/,
  },
  'headers with one number and another content': {
    damage: ({ bytes, places }) => {
      bytes.copy(bytes, places.otherHeader, places.currentHeader, places.currentHeader + 4096);
      bytes.writeUInt8(1, places.otherHeader + 300);
    },
    at: 131080,
    field: 'header 2 sequence number',
    problem: /both headers have the number 8/,
  },
  'another version': {
    damage: ({ bytes, places }) => bytes.writeUInt16LE(2, places.currentHeader + 66),
    at: 65536 + 66,
    field: 'header version',
    problem: /2 is not 1/,
    code: 'disk-unsupported',
  },
  'another version of a log': {
    spec: { log: { entries: () => [] } },
    damage: ({ bytes, places }) => bytes.writeUInt16LE(1, places.currentHeader + 64),
    at: 65536 + 64,
    field: 'header log version',
    problem: /1 is not 0/,
    code: 'disk-unsupported',
  },
  'a log that is not aligned': {
    damage: ({ bytes, places }) => bytes.writeBigUInt64LE(BigInt(MIB + 4096), places.currentHeader + 72),
    at: 65536 + 72,
    field: 'header log offset',
    problem: /not a multiple of 1 MiB/,
  },
  'a log within the header section': {
    damage: ({ bytes, places }) => bytes.writeBigUInt64LE(0n, places.currentHeader + 72),
    at: 65536 + 72,
    field: 'header log offset',
    problem: /from 1 MiB on/,
  },
  'a log behind the file': {
    damage: ({ bytes, places }) => bytes.writeBigUInt64LE(2n ** 63n, places.currentHeader + 72),
    at: 65536 + 72,
    field: 'header log offset',
    problem: /past the end of the file/,
  },
  'a log of an odd length': {
    damage: ({ bytes, places }) => bytes.writeUInt32LE(4096, places.currentHeader + 68),
    at: 65536 + 68,
    field: 'header log length',
    problem: /not a multiple of 1 MiB/,
  },
  'a pending log above 1 GiB': {
    spec: { log: { entries: () => [] } },
    damage: ({ bytes, places }) => bytes.writeUInt32LE(1025 * MIB, places.currentHeader + 68),
    at: 65536 + 68,
    field: 'header log length',
    problem: /above the limit, 1 GiB/,
    code: 'disk-unsupported',
  },
  'both region tables without signature': {
    damage: (file) => {
      bothTables(file, (at) => file.bytes.write('iger', at));
    },
    at: TABLE_1,
    field: 'region table 1 signature',
    problem: /is not "regi"/,
  },
  'both region tables with a wrong checksum': {
    damage: (file) => {
      bothTables(file, (at) => file.bytes.writeUInt8(1, at + 5000));
    },
    keepsChecksums: true,
    at: TABLE_1 + 4,
    field: 'region table 1 checksum',
    problem: /is wrong/,
  },
  'too many regions': {
    damage: (file) => {
      bothTables(file, (at) => file.bytes.writeUInt32LE(2048, at + 8));
    },
    at: TABLE_1 + 8,
    field: 'region table 1 entry count',
    problem: /2048 is above the limit, 2047/,
  },
  'a region twice': {
    damage: (file) => {
      bothTables(file, (at) => file.bytes.copy(file.bytes, at + 48, at + 16, at + 32));
    },
    at: TABLE_1 + 48,
    field: 'region table 1 entry 1 guid',
    problem: /there twice/,
  },
  'a region that is required and not known': {
    spec: { extraRegions: [{ guid: '01234567-89ab-cdef-0123-456789abcdef', required: true }] },
    damage: () => undefined,
    at: TABLE_1 + 80,
    field: 'region table 1 entry 2 guid',
    problem: /01234567-89ab-cdef-0123-456789abcdef is required, and not known/,
    code: 'disk-unsupported',
  },
  'a region that is not aligned': {
    damage: (file) => {
      bothTables(file, (at) => file.bytes.writeBigUInt64LE(BigInt(file.places.bat + 512), at + 32));
    },
    at: TABLE_1 + 32,
    field: 'region table 1 entry 0 file offset',
    problem: /not a multiple of 1 MiB/,
  },
  'a region of an odd length': {
    damage: (file) => {
      bothTables(file, (at) => file.bytes.writeUInt32LE(65536, at + 40));
    },
    at: TABLE_1 + 40,
    field: 'region table 1 entry 0 length',
    problem: /not a multiple of 1 MiB/,
  },
  'a region behind the file': {
    damage: (file) => {
      bothTables(file, (at) => file.bytes.writeBigUInt64LE(BigInt(file.bytes.length), at + 32));
    },
    at: TABLE_1 + 32,
    field: 'region table 1 entry 0 file offset',
    problem: /past the end of the file/,
  },
  'a region over the log': {
    damage: (file) => {
      bothTables(file, (at) => file.bytes.writeBigUInt64LE(BigInt(file.places.log), at + 32));
    },
    at: TABLE_1 + 32,
    field: 'region table 1 entry 0 file offset',
    problem: /overlaps the log or another region/,
  },
  'no BAT': {
    damage: (file) => {
      bothTables(file, (at) => {
        file.bytes.fill(7, at + 16, at + 32);
        file.bytes.writeUInt32LE(0, at + 44);
      });
    },
    at: TABLE_1,
    field: 'region table 1',
    problem: /has no BAT/,
  },
  'no metadata region': {
    damage: (file) => {
      bothTables(file, (at) => file.bytes.writeUInt32LE(1, at + 8));
    },
    at: TABLE_1,
    field: 'region table 1',
    problem: /has no metadata/,
  },
  'metadata without signature': {
    damage: ({ bytes, places }) => bytes.write('atademat', places.metadata),
    at: ({ metadata }) => metadata,
    field: 'metadata table signature',
    problem: /is not "metadata"/,
  },
  'too many metadata items': {
    damage: ({ bytes, places }) => bytes.writeUInt16LE(2048, places.metadata + 10),
    at: ({ metadata }) => metadata + 10,
    field: 'metadata table entry count',
    problem: /2048 is above/,
  },
  'a metadata item twice': {
    damage: ({ bytes, places }) => bytes.copy(bytes, places.metadata + 64, places.metadata + 32, places.metadata + 64),
    at: ({ metadata }) => metadata + 64,
    field: 'metadata table entry 1 item id',
    problem: /there twice/,
  },
  'a metadata item that is required and not known': {
    spec: {
      extraItems: [{ guid: '01234567-89ab-cdef-0123-456789abcdef', data: Buffer.from('?'), required: true }],
    },
    damage: () => undefined,
    at: ({ metadata }) => metadata + 32 + 5 * 32,
    field: 'metadata table entry 5 item id',
    problem: /is required, and not known/,
    code: 'disk-unsupported',
  },
  'more than 1,024 user items': {
    spec: {
      extraItems: Array.from({ length: 1025 }, (_, index) => ({
        guid: `01234567-89ab-cdef-0123-${index.toString(16).padStart(12, '0')}`,
        data: Buffer.alloc(0),
        user: true,
      })),
    },
    damage: () => undefined,
    at: ({ metadata }) => metadata + 32 + (5 + 1024) * 32,
    field: 'metadata table entry 1029 flags',
    problem: /more than 1024 user items/,
  },
  'a metadata item outside of the region': {
    damage: ({ bytes, places }) => bytes.writeUInt32LE(MIB - 4, item(places, 'virtualDiskSize').entry + 16),
    at: (places) => item(places, 'virtualDiskSize').entry + 16,
    field: 'metadata table entry 1 offset',
    problem: /not within the region/,
  },
  'a metadata item within its table': {
    damage: ({ bytes, places }) => bytes.writeUInt32LE(64, item(places, 'virtualDiskSize').entry + 16),
    at: (places) => item(places, 'virtualDiskSize').entry + 16,
    field: 'metadata table entry 1 offset',
    problem: /not within the region/,
  },
  'a metadata item above 1 MiB': {
    damage: ({ bytes, places }) => bytes.writeUInt32LE(MIB + 1, item(places, 'virtualDiskId').entry + 20),
    at: (places) => item(places, 'virtualDiskId').entry + 20,
    field: 'metadata table entry 2 length',
    problem: /above the limit, 1 MiB/,
  },
  'a metadata item that is too short': {
    damage: ({ bytes, places }) => bytes.writeUInt32LE(7, item(places, 'virtualDiskSize').entry + 20),
    at: (places) => item(places, 'virtualDiskSize').entry + 20,
    field: 'metadata table entry 1 length',
    problem: /too few for the virtual disk size/,
  },
  'no virtual disk size': {
    damage: ({ bytes, places }) => {
      const { entry } = item(places, 'virtualDiskSize');
      bytes.fill(9, entry, entry + 16);
      bytes.writeUInt32LE(0, entry + 24);
    },
    at: ({ metadata }) => metadata,
    field: 'metadata table',
    problem: /has no virtual disk size/,
  },
  'a block size that is no power of two': {
    damage: ({ bytes, places }) => bytes.writeUInt32LE(3 * MIB, item(places, 'fileParameters').data),
    at: (places) => item(places, 'fileParameters').data,
    field: 'block size',
    problem: /not a power of two/,
  },
  'a block size above 256 MiB': {
    damage: ({ bytes, places }) => bytes.writeUInt32LE(512 * MIB, item(places, 'fileParameters').data),
    at: (places) => item(places, 'fileParameters').data,
    field: 'block size',
    problem: /between 1 MiB and 256 MiB/,
  },
  'a block size of 0': {
    damage: ({ bytes, places }) => bytes.writeUInt32LE(0, item(places, 'fileParameters').data),
    at: (places) => item(places, 'fileParameters').data,
    field: 'block size',
    problem: /^0 is not/,
  },
  'a fixed disk with a parent': {
    damage: ({ bytes, places }) => bytes.writeUInt32LE(3, item(places, 'fileParameters').data + 4),
    at: (places) => item(places, 'fileParameters').data + 4,
    field: 'file parameters flags',
    problem: /cannot have a parent/,
  },
  'a logical sector size of 1,024': {
    damage: ({ bytes, places }) => bytes.writeUInt32LE(1024, item(places, 'logicalSectorSize').data),
    at: (places) => item(places, 'logicalSectorSize').data,
    field: 'logical sector size',
    problem: /1024 is not 512 or 4096/,
  },
  'a physical sector size of 0': {
    damage: ({ bytes, places }) => bytes.writeUInt32LE(0, item(places, 'physicalSectorSize').data),
    at: (places) => item(places, 'physicalSectorSize').data,
    field: 'physical sector size',
    problem: /0 is not 512 or 4096/,
  },
  'a size of 0': {
    damage: ({ bytes, places }) => bytes.writeBigUInt64LE(0n, item(places, 'virtualDiskSize').data),
    at: (places) => item(places, 'virtualDiskSize').data,
    field: 'virtual disk size',
    problem: /is 0/,
  },
  'a size that is no multiple of the sector': {
    spec: { logicalSectorSize: 4096 },
    damage: ({ bytes, places }) => bytes.writeBigUInt64LE(512n, item(places, 'virtualDiskSize').data),
    at: (places) => item(places, 'virtualDiskSize').data,
    field: 'virtual disk size',
    problem: /not a multiple of the logical sector size, 4096/,
  },
  'a size above 64 TiB': {
    damage: ({ bytes, places }) => bytes.writeBigUInt64LE(2n ** 46n + 512n, item(places, 'virtualDiskSize').data),
    at: (places) => item(places, 'virtualDiskSize').data,
    field: 'virtual disk size',
    problem: /above the limit, 64 TiB/,
  },
  'a BAT that is too short': {
    damage: ({ bytes, places }) => bytes.writeBigUInt64LE(2n ** 37n + 2n ** 30n, item(places, 'virtualDiskSize').data),
    at: ({ bat }) => bat,
    field: 'BAT',
    problem: /need a table of \d+ bytes, the region has 1048576/,
  },
  'a block in state 4': {
    damage: ({ bytes, places }) => bytes.writeBigUInt64LE(4n, places.payloadEntry(2)),
    at: ({ payloadEntry }) => payloadEntry(2),
    field: 'BAT entry of block 2',
    problem: /state 4 is not known/,
  },
  'a partially present block without a parent': {
    damage: ({ bytes, places }) => bytes.writeUInt8(7, places.payloadEntry(1)),
    at: ({ payloadEntry }) => payloadEntry(1),
    field: 'BAT entry of block 1',
    problem: /of differencing disks only/,
  },
  'a block in the header section': {
    damage: ({ bytes, places }) => bytes.writeBigUInt64LE(6n, places.payloadEntry(1)),
    at: ({ payloadEntry }) => payloadEntry(1),
    field: 'BAT entry of block 1',
    problem: /points into the header section/,
  },
  'a block over the log': {
    damage: ({ bytes, places }) => bytes.writeBigUInt64LE(BigInt(places.log + 6), places.payloadEntry(1)),
    at: ({ payloadEntry }) => payloadEntry(1),
    field: 'BAT entry of block 1',
    problem: /overlaps the log, a region or another block/,
  },
  'two blocks in one place': {
    damage: ({ bytes, places }) =>
      bytes.copy(bytes, places.payloadEntry(3), places.payloadEntry(1), places.payloadEntry(1) + 8),
    at: ({ payloadEntry }) => payloadEntry(3),
    field: 'BAT entry of block 3',
    problem: /overlaps/,
  },
  'a block behind the file': {
    damage: ({ bytes, places }) => bytes.writeBigUInt64LE(2n ** 63n + 6n, places.payloadEntry(1)),
    at: ({ payloadEntry }) => payloadEntry(1),
    field: 'BAT entry of block 1',
    problem: /past the end of the file/,
  },
  'a partially present block without a bitmap': {
    spec: CHILD,
    damage: ({ bytes, places }) => bytes.writeBigUInt64LE(0n, places.bitmapEntry(0)),
    at: ({ bitmapEntry }) => bitmapEntry(0),
    field: 'BAT entry of sector bitmap 0',
    problem: /the state is 0, and a partially present block needs the bitmap/,
  },
  'a bitmap over a block': {
    spec: CHILD,
    damage: ({ bytes, places }) => bytes.writeBigUInt64LE(BigInt((places.payload(1) ?? 0) + 6), places.bitmapEntry(0)),
    at: ({ bitmapEntry }) => bitmapEntry(0),
    field: 'BAT entry of sector bitmap 0',
    problem: /overlaps/,
  },
  'a child without a locator': {
    damage: ({ bytes, places }) => bytes.writeUInt32LE(2, item(places, 'fileParameters').data + 4),
    at: ({ metadata }) => metadata,
    field: 'metadata table',
    problem: /has no parent locator/,
  },
  'a locator of another type': {
    spec: CHILD,
    damage: ({ bytes, places }) => bytes.writeUInt8(1, item(places, 'parentLocator').data),
    at: (places) => item(places, 'parentLocator').data,
    field: 'parent locator type',
    problem: /is not known/,
    code: 'disk-unsupported',
  },
  'a locator with more entries than it holds': {
    spec: CHILD,
    damage: ({ bytes, places }) => bytes.writeUInt16LE(60000, item(places, 'parentLocator').data + 18),
    at: (places) => item(places, 'parentLocator').data + 18,
    field: 'parent locator key value count',
    problem: /60000 entries are more/,
  },
  'a locator with a value outside': {
    spec: CHILD,
    damage: ({ bytes, places }) => bytes.writeUInt32LE(70000, locatorEntry(places, 1) + 4),
    at: (places) => locatorEntry(places, 1),
    field: 'parent locator entry 1 value',
    problem: /not within the item/,
  },
  'a locator with an odd length': {
    spec: CHILD,
    damage: ({ bytes, places }) => bytes.writeUInt16LE(3, locatorEntry(places, 1) + 10),
    at: (places) => locatorEntry(places, 1),
    field: 'parent locator entry 1 value',
    problem: /not a text in UTF-16/,
  },
  'a locator with a NUL': {
    spec: { ...CHILD, parent: { ...PARENT, relativePath: 'parent\0.vhdx' } },
    damage: () => undefined,
    at: (places) => locatorEntry(places, 1),
    field: 'parent locator entry 1 value',
    problem: /holds a NUL/,
  },
  'a locator whose texts overlap': {
    spec: { ...CHILD, parent: { ...PARENT, others: [['other', 'x'.repeat(60)]] } },
    damage: ({ bytes, places }) => {
      for (const index of [0, 1, 2]) {
        bytes.copy(bytes, locatorEntry(places, index) + 4, locatorEntry(places, 2) + 4, locatorEntry(places, 2) + 8);
        bytes.writeUInt16LE(120, locatorEntry(places, index) + 10);
      }
    },
    at: (places) => locatorEntry(places, 1),
    field: 'parent locator entry 1 value',
    problem: /overlap each other/,
  },
  'a locator with a key twice': {
    spec: { ...CHILD, parent: { ...PARENT, others: [['relative_path', 'other.vhdx']] } },
    damage: () => undefined,
    at: (places) => locatorEntry(places, 2),
    field: 'parent locator entry 2 key',
    problem: /relative_path is there twice/,
  },
  'a locator without a linkage': {
    spec: CHILD,
    damage: ({ bytes, places }) =>
      bytes.write('q', bytes.readUInt32LE(locatorEntry(places, 0)) + item(places, 'parentLocator').data, 'utf16le'),
    at: (places) => item(places, 'parentLocator').data,
    field: 'parent locator',
    problem: /has no parent_linkage/,
  },
  'a locator without a path': {
    spec: { ...CHILD, parent: { linkage: PARENT.linkage } },
    damage: () => undefined,
    at: (places) => item(places, 'parentLocator').data,
    field: 'parent locator',
    problem: /has no path/,
  },
  'a linkage that is no GUID': {
    spec: { ...CHILD, parent: { ...PARENT, linkage: '{parent}' } },
    damage: () => undefined,
    at: (places) => item(places, 'parentLocator').data + 20 + 24 + 28,
    field: 'parent locator parent_linkage',
    problem: /\{parent\} is not a GUID in braces/,
  },
};

for (const [name, { spec, damage, keepsChecksums, at, field, problem, code = 'disk-invalid' }] of Object.entries(
  REFUSALS,
))
  t.test(`refused, with file, offset and field: ${name}`, async (t) => {
    const file = vhdxFile(spec);
    damage(file);
    if (!keepsChecksums) sealAll(file.bytes, file.places);
    const files = filesOf(file.bytes);
    const offset = typeof at === 'function' ? at(file.places) : at;
    const { errors } = await checkDiskFrom(files, PATH);
    t.match(errors[0], { code, file: PATH, message: problem });
    t.equal(errors[0]?.offset, offset);
    t.equal(errors[0]?.field, field);
    await t.rejects(openDiskFrom(files, PATH), {
      code,
      message: new RegExp(`^${PATH}: ${field} at offset ${offset}: `),
    });
    t.equal(files.unclosed, 0);
  });

t.test('refused: files that are too short, other formats, VHD Sets', async (t) => {
  const { bytes } = vhdxFile();
  await t.rejects(openDiskFrom(filesOf(bytes.subarray(0, 300_000)), PATH), {
    code: 'disk-invalid',
    message: /300000 bytes are too few for a VHDX/,
  });
  await t.rejects(openDiskFrom(filesOf(Buffer.alloc(MIB)), PATH, { format: 'vhdx' }), {
    code: 'disk-invalid',
    message: /file type identifier at offset 0: not a VHDX/,
  });
  await t.rejects(openDiskFrom(filesOf(Buffer.from(`KDMV${'.'.repeat(MIB)}`)), PATH, { format: 'vhdx' }), {
    code: 'disk-unsupported',
    message: /VMDK/,
  });
  await t.rejects(openDiskFrom(filesOf(bytes, '/vms/set.vhds'), '/vms/set.vhds'), {
    code: 'disk-unsupported',
    message: /VHD Set/,
    hint: /\.avhdx/,
  });
  await t.rejects(openDiskFrom(filesOf(bytes), PATH, { format: 'vhd' }), {
    code: 'disk-unsupported',
    message: /this is a VHDX image/,
    hint: /leave out/,
  });
});

t.test('a file that was cut short is refused, wherever it was cut', async (t) => {
  const { bytes } = vhdxFile();
  for (let size = bytes.length - 512; size >= MIB; size -= 256 * 1024)
    await t.rejects(openDiskFrom(filesOf(bytes.subarray(0, size)), PATH), { code: 'disk-invalid' }, `${size} bytes`);
});

t.test('one damaged header, or region table, is a warning; both are read with ignoreChecksum', async (t) => {
  const { bytes, places } = vhdxFile();
  bytes.writeUInt8(1, places.otherHeader + 200);
  bytes.writeUInt8(1, TABLE_1 + 5000);
  {
    await using disk = await openDiskFrom(filesOf(bytes), PATH);
    t.match(disk.layers[0]?.warnings, [
      { code: 'damaged-copy', message: /other header is used/ },
      { code: 'damaged-copy', message: /other region table is used/ },
    ]);
  }
  bytes.writeUInt8(1, places.currentHeader + 200);
  bytes.writeUInt8(1, TABLE_2 + 5000);
  await t.rejects(openDiskFrom(filesOf(bytes), PATH), { code: 'disk-invalid', hint: /ignoreChecksum/ });
  await using disk = await openDiskFrom(filesOf(bytes), PATH, { ignoreChecksum: true });
  t.match(disk.layers[0]?.warnings, [{ code: 'checksum-ignored' }, { code: 'checksum-ignored' }]);
  const content = Buffer.alloc(disk.size);
  await disk.read(0, content);
  t.ok(content.subarray(MIB, 2 * MIB).equals(Buffer.alloc(MIB, 0xa1)));
});
