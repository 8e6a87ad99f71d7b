import t from 'tap';
import type { VhdxLog, VhdxSpec } from '../../../fixtures/vhdx.js';
import { openDiskFrom } from '../../../src/disk/open.js';
import { sealChecksum } from '../../../fixtures/vhdx.js';
import { filesOf, sealAll, vhdxFile, type VhdxFile } from '../../support/vhdx-files.js';

const MIB = 2 ** 20;
const SECTOR = 4096;
const PATH = '/vms/disk.vhdx';
/** The BAT is in the log only. */
const LOGGED: VhdxLog = {
  entries: ({ bat }) => [{ items: [{ offset: bat, length: SECTOR, content: 'data' }] }],
};

async function contentOf(bytes: Buffer): Promise<{ content: Buffer; codes: string[]; log: unknown }> {
  await using disk = await openDiskFrom(filesOf(bytes), PATH);
  const content = Buffer.alloc(disk.size, 0xee);
  await disk.read(0, content);
  const [layer] = disk.layers;
  return {
    content,
    codes: (layer?.warnings ?? []).map(({ code }) => code),
    log: layer?.details.find(({ name }) => name === 'log')?.value,
  };
}

const TRUTH = Buffer.concat([Buffer.alloc(MIB), Buffer.alloc(MIB, 0xa1), Buffer.alloc(2 * MIB)]);

const REPLAYED: Readonly<Record<string, Partial<VhdxSpec>>> = {
  'one entry': { log: LOGGED },
  'a log that wraps round its end': { log: { ...LOGGED, start: MIB - SECTOR } },
  'sequence numbers above 2^53': { log: { ...LOGGED, sequenceNumber: 2n ** 56n + 1n } },
  'a torn entry at its end': { log: { ...LOGGED, torn: true } },
  'an entry of another log, with a higher number': {
    log: { ...LOGGED, strays: [{ at: MIB / 2, sequenceNumber: 2n ** 60n }] },
  },
  'entries without descriptors': {
    log: { entries: (places) => [{ items: [] }, ...LOGGED.entries(places), { items: [] }] },
  },
  'entries before the tail, which were applied': {
    log: {
      appliedEntries: 1,
      entries: (places) => [
        { items: [{ offset: places.metadata, length: SECTOR, content: 'garbage' }] },
        ...LOGGED.entries(places),
      ],
    },
  },
  'a later entry over an earlier one': {
    log: {
      entries: (places) => [
        { items: [{ offset: places.bat, length: SECTOR, content: 'garbage' }] },
        { items: [{ offset: places.bat, length: SECTOR, content: 'zero' }] },
        ...LOGGED.entries(places),
      ],
    },
  },
  'region tables, metadata, BAT and payload in the log': {
    log: {
      entries: ({ regionTables, metadata, bat, payload }) => [
        {
          items: [
            ...regionTables.map((offset) => ({ offset, length: 65536, content: 'final' as const })),
            { offset: metadata, length: 17 * SECTOR, content: 'final' },
            { offset: bat, length: SECTOR, content: 'final' },
            { offset: (payload(1) ?? 0) + SECTOR, length: 3 * SECTOR, content: 'data' },
          ],
        },
      ],
    },
  },
  'a file that the log extends': {
    log: { ...LOGGED, cutTo: ({ fileLength }) => fileLength - MIB },
    operations: [{ kind: 'write', offset: MIB, data: Buffer.alloc(MIB, 0xa1) }],
    random: () => 0.5,
  },
};

for (const [name, spec] of Object.entries(REPLAYED))
  t.test(`a pending log is replayed in memory: ${name}`, async (t) => {
    const { bytes, places } = vhdxFile(spec);
    const before = Buffer.from(bytes);
    const isCut = bytes.length < places.fileLength;
    const { content, codes, log } = await contentOf(bytes);
    const truth = isCut ? Buffer.alloc(4 * MIB) : TRUTH;
    t.ok(content.equals(truth));
    t.strictSame(codes, ['log-replayed']);
    t.match(log, /^pending, replayed: \d+ entr/);
    t.ok(bytes.equals(before), 'the file stays as it is');
  });

t.test('a log without valid entries is stale: nothing is replayed', async (t) => {
  const { bytes } = vhdxFile({ log: { entries: () => [], torn: true } });
  const { content, codes, log } = await contentOf(bytes);
  t.ok(content.equals(TRUTH));
  t.strictSame(codes, ['log-stale']);
  t.match(log, /^stale/);
});

/** Changes the first entry of the log, which is at its start. */
function changeEntry({ bytes, places }: VhdxFile, change: (entry: Buffer) => void): void {
  const start = places.log;
  const entry = bytes.subarray(start, start + bytes.readUInt32LE(start + 8));
  change(entry);
  sealChecksum(entry);
}

const REFUSED: Readonly<
  Record<
    string,
    readonly [
      change: (entry: Buffer, file: VhdxFile) => void,
      field: string,
      at: number,
      problem: RegExp,
      code?: string,
    ]
  >
> = {
  'a file that was cut short': [
    (entry) => entry.writeBigUInt64LE(BigInt(1024 * MIB), 48),
    'log entry flushed file offset',
    48,
    /was cut short/,
  ],
  'a file above 512 TiB': [
    (entry) => entry.writeBigUInt64LE(2n ** 50n, 56),
    'log entry last file offset',
    56,
    /above the limit, 512 TiB/,
    'disk-unsupported',
  ],
  'a descriptor for the headers': [
    (entry) => entry.writeBigUInt64LE(65536n, 64 + 16),
    'log descriptor file offset',
    80,
    /65536 is within the headers/,
  ],
  'a descriptor for the log': [
    (entry, { places }) => entry.writeBigUInt64LE(BigInt(places.log + SECTOR), 64 + 16),
    'log descriptor file offset',
    80,
    /are within the log/,
  ],
  'a descriptor that is not aligned': [
    (entry, { places }) => entry.writeBigUInt64LE(BigInt(places.bat + 512), 64 + 16),
    'log descriptor file offset',
    80,
    /not whole sectors/,
  ],
  'a descriptor behind the file': [
    (entry) => entry.writeBigUInt64LE(2n ** 63n, 64 + 16),
    'log descriptor file offset',
    80,
    /past the end of the file/,
  ],
};

for (const [name, [change, field, at, problem, code = 'disk-invalid']] of Object.entries(REFUSED))
  t.test(`a pending log is refused, with file, offset and field: ${name}`, async (t) => {
    const file = vhdxFile({ log: LOGGED });
    changeEntry(file, (entry) => {
      change(entry, file);
    });
    await t.rejects(openDiskFrom(filesOf(file.bytes), PATH), {
      code,
      message: new RegExp(`^${PATH}: ${field} at offset ${file.places.log + at}: .*${problem.source}`),
    });
  });

t.test('a log whose oldest needed entry is lost is refused', async (t) => {
  const file = vhdxFile({ log: LOGGED });
  changeEntry(file, (entry) => {
    entry.writeUInt32LE(MIB / 2, 12);
  });
  await t.rejects(openDiskFrom(filesOf(file.bytes), PATH), {
    code: 'disk-invalid',
    message: new RegExp(`log at offset ${file.places.log}: .*no sequence of them that is complete`),
  });
});

t.test('more than 64 MiB to replay is refused as not supported', async (t) => {
  const { bytes } = vhdxFile({
    logLength: 68 * MIB,
    log: {
      entries: ({ bat }) =>
        Array.from({ length: 65 }, () => ({ items: [{ offset: bat, length: MIB, content: 'data' as const }] })),
    },
  });
  await t.rejects(openDiskFrom(filesOf(bytes), PATH), {
    code: 'disk-unsupported',
    message: /more than 64 MiB to replay/,
  });
});

t.test('the digest of the structures follows the header, the log, the metadata and the BAT', async (t) => {
  const changes: Readonly<Record<string, (file: VhdxFile) => void>> = {
    'another current header': ({ bytes, places }) => {
      bytes.copy(bytes, places.otherHeader, places.currentHeader, places.currentHeader + SECTOR);
      bytes.writeBigUInt64LE(9n, places.otherHeader + 8);
      bytes.writeUInt8(1, places.otherHeader + 33);
    },
    'a log that appears': ({ bytes, places }) => bytes.writeUInt8(1, places.currentHeader + 48),
    'a block that appears': ({ bytes, places }) => bytes.writeUInt8(2, places.payloadEntry(2)),
    'another id of the disk': ({ bytes, places }) => bytes.writeUInt8(1, places.items.get('virtualDiskId')?.data ?? 0),
  };
  for (const [name, change] of Object.entries(changes)) {
    const file = vhdxFile();
    await using disk = await openDiskFrom(filesOf(file.bytes), PATH);
    const [before] = disk.openedFiles;
    t.equal((await disk.sourceFiles())[0]?.structure, before?.structure, 'a read changes nothing');
    change(file);
    sealAll(file.bytes, file.places);
    t.not((await disk.sourceFiles())[0]?.structure, before?.structure, name);
  }
});
