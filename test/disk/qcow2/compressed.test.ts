import { resolve } from 'node:path';
import t from 'tap';
import { makeQcow2, type Qcow2Spec } from '../../../fixtures/qcow2.js';
import { openDiskFrom } from '../../../src/disk/open.js';
import { MemoryFiles } from '../../support/memory-files.js';
import { Random } from '../../support/mutations.js';

const PATH = resolve('/images/disk.qcow2');
const MIB = 1024 * 1024;
const CLUSTER = 65_536;

/** Content that becomes smaller, and is another one in each cluster. */
function content(length: number): Buffer {
  const random = new Random(1);
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; at += 4)
    if (at % 8192 < 4096) bytes.writeUInt32LE(random.below(2 ** 32), at);
    else bytes.fill(at / 8192, at, at + 4);
  return bytes;
}

function imageOf(spec: Omit<Qcow2Spec, 'path' | 'operations'>) {
  const data = content(spec.size);
  const { bytes, places } = makeQcow2({
    ...spec,
    path: PATH,
    operations: [{ kind: 'compressed', offset: 0, data }],
  });
  return { bytes, places, data, files: new MemoryFiles([[PATH, bytes]]) };
}

for (const compression of ['deflate', 'zstd'] as const) {
  t.test(`${compression}: neighbouring compressed clusters are read at once, a MiB at a time`, async (t) => {
    const { data, files } = imageOf({ size: 4 * MIB, compression });
    await using disk = await openDiskFrom(files, PATH);
    t.equal(disk.layers[0]?.allocated, 4 * MIB);
    files.reads.length = 0;
    const read = Buffer.alloc(disk.size);
    await disk.read(0, read);
    t.ok(read.equals(data));
    t.equal(files.reads.length, 4);
  });

  t.test(`${compression}: the last compressed cluster may end at the end of the file, within its sector`, async (t) => {
    const { bytes, data, files } = imageOf({ size: MIB + 512, compression, endsInsideSector: true });
    t.not(bytes.length % 512, 0);
    await using disk = await openDiskFrom(files, PATH);
    const read = Buffer.alloc(disk.size);
    await disk.read(0, read);
    t.ok(read.equals(data));
  });
}

t.test('parts of a compressed cluster are decompressed once, until the cache is dropped', async (t) => {
  const { data, files } = imageOf({ size: MIB });
  await using disk = await openDiskFrom(files, PATH);
  files.reads.length = 0;
  const readParts = async () => {
    const parts = [0, 512, 4096, 60_000].map((offset) => ({ offset, into: Buffer.alloc(700) }));
    await Promise.all(parts.map(({ offset, into }) => disk.read(CLUSTER + offset, into)));
    for (const { offset, into } of parts)
      if (!into.equals(data.subarray(CLUSTER + offset, CLUSTER + offset + 700))) throw new Error(`${offset} differs`);
  };
  await readParts();
  t.equal(files.reads.length, 1, 'reads at the same time share it');
  await readParts();
  t.equal(files.reads.length, 1, 'later ones find it');
  disk.dropCache();
  await readParts();
  t.equal(files.reads.length, 2);
});

t.test('few decompressed clusters are kept', async (t) => {
  const { files } = imageOf({ size: 40 * CLUSTER });
  await using disk = await openDiskFrom(files, PATH);
  files.reads.length = 0;
  const touch = (cluster: number) => disk.read(cluster * CLUSTER, Buffer.alloc(512));
  for (let cluster = 0; cluster < 33; cluster++) await touch(cluster);
  t.equal(files.reads.length, 33);
  await touch(32);
  await touch(1);
  t.equal(files.reads.length, 33, 'the last 32 are there');
  await touch(0);
  t.equal(files.reads.length, 34, 'the one before is not');
});

t.test('a compressed cluster that is damaged is named: in the disk, and by its entry in the file', async (t) => {
  const { bytes, places } = imageOf({ size: MIB });
  const { host = NaN, entry = NaN } = places.clusterAt(5 * CLUSTER) ?? {};
  bytes.fill(0xff, host, host + 64);
  const files = new MemoryFiles([[PATH, bytes]]);
  await using disk = await openDiskFrom(files, PATH);
  const message = new RegExp(`compressed cluster at offset ${entry}: offset ${5 * CLUSTER} of the disk cannot be`);
  await t.rejects(disk.read(0, Buffer.alloc(MIB)), { code: 'disk-invalid', message });
  await t.rejects(disk.read(5 * CLUSTER + 512, Buffer.alloc(512)), { code: 'disk-invalid', message });
  await disk.read(6 * CLUSTER, Buffer.alloc(CLUSTER));
});
