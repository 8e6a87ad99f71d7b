import { dirname, resolve } from 'node:path';
import t from 'tap';
import { makeQcow2, type Qcow2Places, type Qcow2Spec } from '../../../fixtures/qcow2.js';
import { checkDiskFrom } from '../../../src/disk/check.js';
import { openDiskFrom } from '../../../src/disk/open.js';
import { MemoryFiles } from '../../support/memory-files.js';

const PATH = resolve('/images/disk.qcow2');
const MIB = 1024 * 1024;
const CLUSTER = 65_536;

type Code = 'disk-invalid' | 'disk-unsupported' | 'disk-unreadable' | 'chain-broken';

/** An image that is spoilt in one place, and what must be said about it. */
interface Refused {
  readonly what: string;
  readonly spec?: Partial<Qcow2Spec>;
  readonly spoil: (bytes: Buffer, places: Qcow2Places) => Buffer | void;
  readonly code?: Code;
  readonly field: RegExp | string;
  /** Of the field in the file. */
  readonly offset: number | ((places: Qcow2Places) => number | undefined);
  readonly problem: RegExp;
}

const data = (length: number, fill = 0x11) => Buffer.alloc(length, fill);
const compressible = (length: number) => Buffer.from('all work and no play '.repeat(length / 8)).subarray(0, length);

const BASE: Qcow2Spec = {
  path: PATH,
  size: 2 * MIB,
  operations: [
    { kind: 'write', offset: 0, data: data(CLUSTER) },
    { kind: 'compressed', offset: CLUSTER, data: compressible(CLUSTER) },
    { kind: 'write', offset: 2 * CLUSTER, data: data(CLUSTER, 0x22) },
    { kind: 'zero', offset: 4 * CLUSTER, length: CLUSTER, allocated: true },
  ],
};
const SNAPSHOTS: Partial<Qcow2Spec> = { snapshots: [{ id: '1', name: 'one', after: 1 }] };
const EXTENDED: Partial<Qcow2Spec> = {
  extendedL2: true,
  operations: [{ kind: 'write', offset: 0, data: data(4096) }],
};
const DATA_FILE: Partial<Qcow2Spec> = {
  dataFile: { name: 'disk.raw' },
  operations: [{ kind: 'write', offset: CLUSTER, data: data(CLUSTER) }],
};
const BACKED: Partial<Qcow2Spec> = { backing: { name: 'base.img', format: 'raw' } };

const u32 = (at: number, value: number) => (bytes: Buffer) => void bytes.writeUInt32BE(value, at);
const u64 = (at: number, value: bigint) => (bytes: Buffer) => void bytes.writeBigUInt64BE(value, at);
const entryAt = (guest: number) => (places: Qcow2Places) => places.clusterAt(guest)?.entry;
const entry = (guest: number, change: (old: bigint) => bigint) => (bytes: Buffer, places: Qcow2Places) => {
  const at = places.clusterAt(guest)?.entry ?? NaN;
  bytes.writeBigUInt64BE(BigInt.asUintN(64, change(bytes.readBigUInt64BE(at))), at);
};
const backingNamed = (name: string | Buffer) => (bytes: Buffer, places: Qcow2Places) => {
  const text = Buffer.from(name);
  bytes.writeUInt32BE(text.length, 16);
  text.copy(bytes, places.backingName ?? NaN);
};
const backingName = ({ backingName }: Qcow2Places) => backingName;

const REFUSED: readonly Refused[] = [
  {
    what: 'version 1',
    spoil: u32(4, 1),
    code: 'disk-unsupported',
    field: 'version',
    offset: 4,
    problem: /QCOW image of version 1/,
  },
  {
    what: 'version 4',
    spoil: u32(4, 4),
    code: 'disk-unsupported',
    field: 'version',
    offset: 4,
    problem: /4 is not 2 or 3/,
  },
  { what: 'a cut header', spoil: (bytes) => bytes.subarray(0, 100), field: 'header', offset: 0, problem: /100 bytes/ },
  { what: 'tiny clusters', spoil: u32(20, 8), field: 'cluster bits', offset: 20, problem: /between 9 and 21/ },
  { what: 'huge clusters', spoil: u32(20, 22), field: 'cluster bits', offset: 20, problem: /between 9 and 21/ },
  { what: 'no size', spoil: u64(24, 511n), code: 'disk-unsupported', field: 'size', offset: 24, problem: /511 bytes/ },
  {
    what: 'a huge size',
    spoil: u64(24, 2n ** 60n),
    code: 'disk-unsupported',
    field: 'size',
    offset: 24,
    problem: /64 TiB/,
  },
  {
    what: 'AES',
    spoil: u32(32, 1),
    code: 'disk-unsupported',
    field: 'crypt method',
    offset: 32,
    problem: /encrypted \(AES\)/,
  },
  {
    what: 'LUKS',
    spoil: u32(32, 2),
    code: 'disk-unsupported',
    field: 'crypt method',
    offset: 32,
    problem: /encrypted \(LUKS\)/,
  },
  { what: 'a huge L1', spoil: u32(36, 2 ** 31), field: 'L1 size', offset: 36, problem: /more than 4194304/ },
  { what: 'a short L1', spoil: u32(36, 0), field: 'L1 size', offset: 36, problem: /too few/ },
  {
    what: 'an L1 in the header',
    spoil: u64(40, 0n),
    field: 'L1 table offset',
    offset: 40,
    problem: /start of a cluster/,
  },
  {
    what: 'a misaligned L1',
    spoil: u64(40, 65_000n),
    field: 'L1 table offset',
    offset: 40,
    problem: /start of a cluster/,
  },
  {
    what: 'an L1 behind the end',
    spoil: u64(40, 2n ** 40n),
    field: 'L1 table offset',
    offset: 40,
    problem: /beyond the end/,
  },
  { what: 'many snapshots', spoil: u32(60, 65_537), field: 'number of snapshots', offset: 60, problem: /65537/ },
  {
    what: 'a snapshot table behind the end',
    spec: SNAPSHOTS,
    spoil: u64(64, 2n ** 40n),
    field: 'snapshots offset',
    offset: 64,
    problem: /beyond the end/,
  },
  {
    what: 'a misaligned snapshot table',
    spec: SNAPSHOTS,
    spoil: u64(64, 1000n),
    field: 'snapshots offset',
    offset: 64,
    problem: /start of a cluster/,
  },
  {
    what: 'a snapshot of gigabytes',
    spec: SNAPSHOTS,
    spoil: (bytes, { snapshotTable = NaN }) => void bytes.writeUInt32BE(2 ** 31, snapshotTable + 36),
    field: 'snapshot table entry 0',
    offset: ({ snapshotTable }) => snapshotTable,
    problem: /beyond the end/,
  },
  {
    what: 'a snapshot table over the L1',
    spec: SNAPSHOTS,
    spoil: (bytes, { snapshotTable = NaN }) => u64(40, BigInt(snapshotTable))(bytes),
    field: 'snapshots offset',
    offset: 64,
    problem: /overlap/,
  },
  {
    what: 'an unknown feature',
    spec: {
      featureNames: [
        { kind: 'compatible', bit: 7, name: 'other' },
        { kind: 'incompatible', bit: 7, name: 'time travel' },
      ],
    },
    spoil: u64(72, 0x80n),
    code: 'disk-unsupported',
    field: 'incompatible features',
    offset: 72,
    problem: /bit 7 is set, the feature time travel/,
  },
  {
    what: 'an unknown feature without a name',
    spoil: u64(72, 2n ** 63n),
    code: 'disk-unsupported',
    field: 'incompatible features',
    offset: 72,
    problem: /bit 63/,
  },
  { what: 'corrupt', spoil: u64(72, 2n), field: 'incompatible features', offset: 72, problem: /marked as corrupt/ },
  {
    what: 'small extended clusters',
    spec: { clusterBits: 12, operations: [] },
    spoil: u64(72, 16n),
    field: 'cluster bits',
    offset: 20,
    problem: /less than 14/,
  },
  { what: 'refcounts', spoil: u32(96, 7), field: 'refcount order', offset: 96, problem: /more than 6/ },
  { what: 'a short header', spoil: u32(100, 72), field: 'header length', offset: 100, problem: /72/ },
  { what: 'an odd header', spoil: u32(100, 108), field: 'header length', offset: 100, problem: /108/ },
  { what: 'a long header', spoil: u32(100, CLUSTER + 8), field: 'header length', offset: 100, problem: /65544/ },
  {
    what: 'an unknown compression',
    spec: { headerLength: 112 },
    spoil: (bytes) => void bytes.writeUInt8(2, 104),
    code: 'disk-unsupported',
    field: 'compression type',
    offset: 104,
    problem: /2 is not/,
  },
  {
    what: 'a compression without its feature bit',
    spec: { headerLength: 112 },
    spoil: (bytes) => void bytes.writeUInt8(1, 104),
    field: 'compression type',
    offset: 104,
    problem: /contradicts/,
  },
  {
    what: 'a feature bit without a compression',
    spoil: u64(72, 8n),
    field: 'compression type',
    offset: 104,
    problem: /contradicts/,
  },
  {
    what: 'an extension that is too long',
    spec: { extensions: [{ type: 0x1234, data: data(8) }] },
    spoil: (bytes, { extensions }) => void bytes.writeUInt32BE(CLUSTER, (extensions.get(0x1234) ?? NaN) - 4),
    field: /length of header extension 0x1234/,
    offset: ({ extensions }) => (extensions.get(0x1234) ?? NaN) - 4,
    problem: /beyond the end/,
  },
  {
    what: 'an extension over the backing name',
    spec: { ...BACKED, extensions: [{ type: 0x1234, data: data(8) }] },
    spoil: (bytes, { extensions }) => void bytes.writeUInt32BE(300, (extensions.get(0x1234) ?? NaN) - 4),
    field: /length of header extension/,
    offset: ({ extensions }) => (extensions.get(0x1234) ?? NaN) - 4,
    problem: /beyond the end/,
  },
  {
    what: 'an encryption header',
    spec: { extensions: [{ type: 0x0537be77, data: data(16) }] },
    spoil: () => undefined,
    code: 'disk-unsupported',
    field: 'encryption header',
    offset: 104,
    problem: /encrypted/,
  },
  {
    what: 'two formats',
    spec: { ...BACKED, extensions: [{ type: 0xe2792aca, data: Buffer.from('qcow2') }] },
    spoil: () => undefined,
    field: /header extension/,
    offset: 120,
    problem: /occurs twice/,
  },
  {
    what: 'a long backing name',
    spec: BACKED,
    spoil: u32(16, 1024),
    field: 'backing file size',
    offset: 16,
    problem: /1023/,
  },
  {
    what: 'a backing name in the header',
    spec: BACKED,
    spoil: u64(8, 64n),
    field: 'backing file offset',
    offset: 8,
    problem: /not between/,
  },
  {
    what: 'a backing name behind the first cluster',
    spec: BACKED,
    spoil: u64(8, 65_530n),
    field: 'backing file offset',
    offset: 8,
    problem: /not between/,
  },
  {
    what: 'a backing name with NUL',
    spec: BACKED,
    spoil: backingNamed('a\0b'),
    field: 'backing file name',
    offset: backingName,
    problem: /control character/,
  },
  {
    what: 'a backing name with an escape',
    spec: BACKED,
    spoil: backingNamed('\u001b[2J'),
    field: 'backing file name',
    offset: backingName,
    problem: /control character/,
  },
  {
    what: 'a backing name that is not UTF-8',
    spec: BACKED,
    spoil: backingNamed(Buffer.of(0x61, 0xff)),
    field: 'backing file name',
    offset: backingName,
    problem: /UTF-8/,
  },
  ...[
    'json:{"driver":"file"}',
    'nbd:127.0.0.1:1',
    'nbd+unix:///x',
    'ssh://host/x',
    'rbd:pool/image',
    'fat:/etc',
    'file:nbd:x',
    'file:',
    'c:',
    'a:b.img',
  ].map((name): Refused => ({
    what: name,
    spec: BACKED,
    spoil: backingNamed(name),
    code: 'disk-unsupported',
    field: 'backing file name',
    offset: backingName,
    problem: /is not the name of a file/,
  })),
  {
    what: 'a backing format that is none of ours',
    spec: { backing: { name: 'base.img', format: 'vmdk' } },
    spoil: () => undefined,
    code: 'disk-unsupported',
    field: 'backing file format',
    offset: 112,
    problem: /vmdk is not supported/,
  },
  {
    what: 'a raw data file and a backing file',
    spec: { ...BACKED, ...DATA_FILE },
    spoil: u64(88, 2n),
    field: 'autoclear features',
    offset: 88,
    problem: /exclude/,
  },
  {
    what: 'a data file without a name',
    spoil: u64(72, 4n),
    field: 'incompatible features',
    offset: 72,
    problem: /does not name/,
  },
  {
    what: 'a data file elsewhere',
    spec: DATA_FILE,
    spoil: (bytes, { extensions }) => void bytes.write('/x/y.raw', extensions.get(0x44415441) ?? NaN),
    code: 'disk-unsupported',
    field: 'external data file name',
    offset: ({ extensions }) => extensions.get(0x44415441),
    problem: /outside/,
  },
  {
    what: 'a data file that is not there',
    spec: DATA_FILE,
    spoil: (bytes, { extensions }) => void bytes.write('DISK.RAW', extensions.get(0x44415441) ?? NaN),
    code: 'disk-unreadable',
    field: 'external data file name',
    offset: ({ extensions }) => extensions.get(0x44415441),
    problem: /no such file/,
  },
  {
    what: 'a cluster of a data file in another place',
    spec: DATA_FILE,
    spoil: entry(CLUSTER, (old) => old + BigInt(CLUSTER)),
    field: 'L2 entry of cluster 1',
    offset: entryAt(CLUSTER),
    problem: /is not that in the disk/,
  },
  {
    what: 'a compressed cluster with a data file',
    spec: DATA_FILE,
    spoil: entry(CLUSTER, () => 2n ** 62n + 65_536n),
    field: 'L2 entry of cluster 1',
    offset: entryAt(CLUSTER),
    problem: /compressed/,
  },
  {
    what: 'reserved bits of L1',
    spoil: (bytes, { l1 }) => void bytes.writeUInt8(1, l1),
    field: 'L1 entry 0',
    offset: ({ l1 }) => l1,
    problem: /reserved/,
  },
  {
    what: 'low reserved bits of L1',
    spoil: (bytes, { l1 }) => void bytes.writeUInt8(1, l1 + 7),
    field: 'L1 entry 0',
    offset: ({ l1 }) => l1,
    problem: /reserved/,
  },
  {
    what: 'a misaligned L2',
    spoil: (bytes, { l1 }) => void bytes.writeUInt8(2, l1 + 6),
    field: 'L1 entry 0',
    offset: ({ l1 }) => l1,
    problem: /multiple/,
  },
  {
    what: 'an L2 behind the end',
    spoil: (bytes, { l1 }) => void bytes.writeUInt8(1, l1 + 2),
    field: 'L1 entry 0',
    offset: ({ l1 }) => l1,
    problem: /beyond the end/,
  },
  {
    what: 'an L2 over the L1',
    spoil: (bytes, { l1 }) => void bytes.writeBigUInt64BE(BigInt(l1), l1),
    field: 'L1 entry 0',
    offset: ({ l1 }) => l1,
    problem: /overlaps/,
  },
  {
    what: 'reserved bits of L2',
    spoil: entry(0, (old) => old | (2n ** 56n)),
    field: 'L2 entry of cluster 0',
    offset: entryAt(0),
    problem: /reserved/,
  },
  {
    what: 'low reserved bits of L2',
    spoil: entry(0, (old) => old | 2n),
    field: 'L2 entry of cluster 0',
    offset: entryAt(0),
    problem: /reserved/,
  },
  {
    what: 'a zero flag in version 2',
    spec: { version: 2, operations: [{ kind: 'write', offset: 0, data: data(CLUSTER) }] },
    spoil: entry(0, (old) => old | 1n),
    field: 'L2 entry of cluster 0',
    offset: entryAt(0),
    problem: /zero flag/,
  },
  {
    what: 'a misaligned cluster',
    spoil: entry(0, (old) => old + 512n),
    field: 'L2 entry of cluster 0',
    offset: entryAt(0),
    problem: /multiple/,
  },
  {
    what: 'a cluster behind the end',
    spoil: entry(0, (old) => old + 2n ** 40n),
    field: 'L2 entry of cluster 0',
    offset: entryAt(0),
    problem: /beyond the end/,
  },
  {
    what: 'a cluster over the L1',
    spoil: (bytes, places) => entry(0, () => BigInt(places.l1))(bytes, places),
    field: 'L2 entry of cluster 0',
    offset: entryAt(0),
    problem: /overlaps/,
  },
  {
    what: 'a cluster over its L2',
    spoil: (bytes, places) => entry(0, () => BigInt(places.l2Tables[0] ?? 0))(bytes, places),
    field: 'L2 entry of cluster 0',
    offset: entryAt(0),
    problem: /overlaps/,
  },
  {
    what: 'a cluster over the snapshot table',
    spec: SNAPSHOTS,
    spoil: (bytes, places) => entry(0, () => BigInt(places.snapshotTable ?? 0))(bytes, places),
    field: 'L2 entry of cluster 0',
    offset: entryAt(0),
    problem: /overlaps/,
  },
  {
    what: 'two clusters in one place',
    spoil: (bytes, places) => entry(2 * CLUSTER, () => BigInt(places.clusterAt(0)?.host ?? 0))(bytes, places),
    field: 'L2 entry of cluster 2',
    offset: entryAt(2 * CLUSTER),
    problem: /overlaps/,
  },
  {
    what: 'a zero cluster over another',
    spoil: (bytes, places) => entry(4 * CLUSTER, () => BigInt(places.clusterAt(0)?.host ?? 0) + 1n)(bytes, places),
    field: 'L2 entry of cluster 4',
    offset: entryAt(4 * CLUSTER),
    problem: /overlaps/,
  },
  {
    what: 'a compressed cluster behind the end',
    spoil: entry(CLUSTER, (old) => old + 2n ** 40n),
    field: 'L2 entry of cluster 1',
    offset: entryAt(CLUSTER),
    problem: /beyond the end/,
  },
  {
    what: 'a compressed cluster in the header',
    spoil: entry(CLUSTER, () => 2n ** 62n + 104n),
    field: 'L2 entry of cluster 1',
    offset: entryAt(CLUSTER),
    problem: /in the header/,
  },
  {
    what: 'subclusters that are both',
    spec: EXTENDED,
    spoil: (bytes, places) => void bytes.writeUInt32BE(1, (entryAt(0)(places) ?? NaN) + 8),
    field: 'L2 entry of cluster 0',
    offset: entryAt(0),
    problem: /both allocated and zero/,
  },
  {
    what: 'subclusters without a cluster',
    spec: EXTENDED,
    spoil: entry(0, () => 0n),
    field: 'L2 entry of cluster 0',
    offset: entryAt(0),
    problem: /no cluster for them/,
  },
  {
    what: 'a zero flag with subclusters',
    spec: EXTENDED,
    spoil: entry(0, (old) => old | 1n),
    field: 'L2 entry of cluster 0',
    offset: entryAt(0),
    problem: /reserved/,
  },
];

t.test('every refusal names the file, the offset and the field', async (t) => {
  for (const { what, spec, spoil, code = 'disk-invalid', field, offset, problem } of REFUSED) {
    const { bytes, dataFile, places } = makeQcow2({ ...BASE, ...spec });
    const spoilt = spoil(bytes, places) ?? bytes;
    const files = new MemoryFiles([
      [PATH, spoilt],
      [resolve(dirname(PATH), 'base.img'), data(MIB)],
      ...(dataFile ? [[resolve(dirname(PATH), 'disk.raw'), dataFile] as const] : []),
    ]);
    const { errors } = await checkDiskFrom(files, PATH);
    const expected = typeof offset === 'number' ? offset : offset(places);
    t.match(errors[0], { code, file: PATH, field, offset: expected, message: problem }, `check: ${what}`);
    await t.rejects(openDiskFrom(files, PATH), { code }, `open: ${what}`);
    t.equal(files.unclosed, 0, `all files are closed: ${what}`);
  }
});
