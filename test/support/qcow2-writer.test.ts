import { mkdtemp, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import t from 'tap';
import { flattenQcow2, makeQcow2, writeQcow2, zstd, type Qcow2Spec } from '../../fixtures/qcow2.js';
import { temporaryFolder } from './folder.js';
import { Random } from './mutations.js';
import { qemuImg, readByQemu, withoutQemuImg as skip } from './qemu-img.js';
import { writeQcow2Chain, type DecidedRange } from './random-chain.js';
import { scaled, seedOfRun } from './scale.js';

/** An extent of `qemu-img map`. */
interface QemuExtent {
  readonly start: number;
  readonly length: number;
  readonly present: boolean;
  readonly data: boolean;
}

const RUNS = scaled(30);
const KIB = 1024;

t.test(
  'qemu-img finds random chains free of errors, and reads every layer and snapshot as the oracle',
  { skip },
  async (t) => {
    const folder = await temporaryFolder(t);
    const seed = seedOfRun();
    t.comment(`seed ${seed}`);
    for (let run = 0; run < RUNS; run++) {
      const own = await mkdtemp(join(folder, 'chain-'));
      for (const layer of await writeQcow2Chain(own, new Random(seed + run), 'qemu')) {
        const { path, format, content, snapshots } = layer;
        if (format !== 'qcow2') continue;
        const image = { name: basename(path), format };
        qemuImg(own, 'check', '-f', format, image.name);
        if (!(await readByQemu(own, image)).equals(content)) throw new Error(`seed ${seed + run}: ${path} differs`);
        for (const { id, content } of snapshots)
          if (!(await readByQemu(own, image, '-l', `snapshot.id=${id}`)).equals(content))
            throw new Error(`seed ${seed + run}: snapshot ${id} of ${path} differs`);
        const decided = decidedByQemu(own, image.name);
        if (layer.qcow2?.spec.backing && JSON.stringify(decided) !== JSON.stringify(layer.decided))
          throw new Error(`seed ${seed + run}: ${path} decides other ranges`);
      }
      await rm(own, { recursive: true });
    }
    t.pass(`${RUNS} chains`);
  },
);

/** What a layer decides itself, as qemu-img sees it without the backing file. */
function decidedByQemu(folder: string, name: string): DecidedRange[] {
  const alone = { driver: 'qcow2', backing: null, file: { driver: 'file', filename: name } };
  const map: QemuExtent[] = JSON.parse(qemuImg(folder, 'map', '--output=json', `json:${JSON.stringify(alone)}`));
  const ranges: DecidedRange[] = [];
  for (const { start, length, present, data } of map) {
    if (!present) continue;
    const kind = data ? 'data' : 'zero';
    const last = ranges.at(-1);
    if (last?.kind === kind && last.offset + last.length === start)
      ranges[ranges.length - 1] = { ...last, length: last.length + length };
    else ranges.push({ offset: start, length, kind });
  }
  return ranges;
}

const write = { kind: 'write' as const, offset: 40 * KIB, data: Buffer.alloc(100 * KIB, 7) };
const compressed = { kind: 'compressed' as const, offset: 192 * KIB, data: Buffer.alloc(128 * KIB, 9) };
const base: Omit<Qcow2Spec, 'path'> = { size: 512 * KIB, operations: [write, compressed] };

const cases: Record<string, Omit<Qcow2Spec, 'path'>> = {
  ...Object.fromEntries(
    [0, 1, 2, 3].map((refcountOrder) => [
      `refcounts of ${2 ** refcountOrder} bits`,
      { ...base, operations: [write], refcountOrder },
    ]),
  ),
  'a raw data file': {
    ...base,
    operations: [write, { kind: 'zero', offset: 64 * KIB, length: 64 * KIB, allocated: true }],
    dataFile: { name: 'raw data.bin', raw: true },
  },
  'a data file full of stale bytes': {
    ...base,
    operations: [
      write,
      { kind: 'zero', offset: 0, length: 16 * KIB },
      { kind: 'discard', offset: 96 * KIB, length: 8 * KIB },
    ],
    extendedL2: true,
    dataFile: { name: 'data.bin' },
  },
  'snapshots of other sizes': {
    ...base,
    snapshots: [
      { id: '1', name: 'larger', after: 1, size: 3 * 1024 * KIB, vmStateSize: 5000 },
      { id: '2', name: 'smaller', after: 2, size: 256 * KIB },
    ],
  },
  'version 2 without header extensions': {
    ...base,
    version: 2,
    noExtensionArea: true,
    snapshots: [{ id: '9', name: '', after: 1, extraDataSize: 0 }],
  },
};

for (const [name, spec] of Object.entries(cases))
  t.test(`qemu-img agrees about ${name}`, { skip }, async (t) => {
    const folder = await temporaryFolder(t);
    await writeQcow2({ ...spec, path: join(folder, 'disk.qcow2') });
    const image = { name: 'disk.qcow2', format: 'qcow2' };
    qemuImg(folder, 'check', image.name);
    t.ok((await readByQemu(folder, image)).equals(flattenQcow2(spec).content));
    for (const { id, after, size = spec.size } of spec.snapshots ?? []) {
      const { content } = flattenQcow2({ ...spec, size, operations: spec.operations.slice(0, after) });
      // qemu-img gives every snapshot the size of the active disk.
      const seen = await readByQemu(folder, image, '-l', `snapshot.id=${id}`);
      t.ok(seen.subarray(0, size).equals(content.subarray(0, seen.length)), `snapshot ${id}`);
    }
  });

t.test(
  'qemu-img notices when bit 63 does not fit the refcounts, so its silence says something',
  { skip },
  async (t) => {
    const folder = await temporaryFolder(t);
    await writeQcow2({ ...base, path: join(folder, 'disk.qcow2'), copiedBits: false });
    t.throws(() => qemuImg(folder, 'check', 'disk.qcow2'), /OFLAG_COPIED/);
  },
);

t.test('the places of an image are where its structures are', async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'disk.qcow2');
  const { bytes, places } = makeQcow2({
    ...base,
    path,
    backing: { name: 'base.raw', format: 'raw' },
    snapshots: [{ id: '1', name: 'one', after: 1 }],
  });
  t.equal(Number(bytes.readBigUInt64BE(40)), places.l1);
  t.equal(Number(bytes.readBigUInt64BE(48)), places.refcountTable);
  t.equal(Number(bytes.readBigUInt64BE(64)), places.snapshotTable);
  t.equal(Number(bytes.readBigUInt64BE(places.snapshots[0]?.entry ?? 0)), places.snapshots[0]?.l1);
  t.equal(bytes.toString('latin1', places.backingName, (places.backingName ?? 0) + 8), 'base.raw');
  t.equal(bytes.toString('latin1', places.extensions.get(0xe2792aca)).slice(0, 3), 'raw');
  const cluster = places.clusterAt(write.offset);
  t.equal(bytes[(cluster?.host ?? 0) + write.offset], 7);
  t.ok(Number(bytes.readBigUInt64BE(cluster?.entry) & 0xfffffffffffe00n) === cluster?.host);
  t.ok((places.clusterAt(compressed.offset)?.compressedLength ?? 0) > 0);
});

t.test('a size for zstd frames is written where it is asked for', async (t) => {
  t.equal(zstd(Buffer.alloc(4096), 'sized')[4], 0xa0);
  t.equal(zstd(Buffer.alloc(4096), 'unsized')[4], 0);
});
