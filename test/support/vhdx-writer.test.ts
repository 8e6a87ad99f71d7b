import { mkdtemp, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import t from 'tap';
import { flattenVhdx, makeVhdx, writeVhdx, type VhdxSpec } from '../../fixtures/vhdx.js';
import { temporaryFolder } from './folder.js';
import { Random } from './mutations.js';
import { qemuImg, readByQemu, withoutQemuImg as skip } from './qemu-img.js';
import { writeVhdxLayer } from './random-chain.js';
import { scaled, seedOfRun } from './scale.js';

const RUNS = scaled(40);
const MIB = 2 ** 20;

t.test(
  'qemu-img reads random files without a parent as the oracle, after it has replayed their logs',
  { skip },
  async (t) => {
    const folder = await temporaryFolder(t);
    const seed = seedOfRun();
    t.comment(`seed ${seed}`);
    for (let run = 0; run < RUNS; run++) {
      const own = await mkdtemp(join(folder, 'disk-'));
      const random = new Random(seed + run);
      const size = random.chance(2) ? (1 + random.below(8)) * MIB : (1 + random.below(16_000)) * 512;
      const frame = { size, logicalSectorSize: 512, reader: 'qemu-repair', parent: undefined } as const;
      const { path, content, vhdx } = await writeVhdxLayer(join(own, 'disk ü'), random, frame);
      const image = { name: basename(path), format: 'vhdx' };
      if (vhdx?.spec.log) {
        t.throws(() => qemuImg(own, 'info', image.name), /log that needs to be replayed/);
        qemuImg(own, 'check', '-r', 'all', image.name);
      }
      qemuImg(own, 'check', image.name);
      if (!(await readByQemu(own, image)).equals(content)) throw new Error(`seed ${seed + run} differs`);
      await rm(own, { recursive: true });
    }
    t.pass(`${RUNS} files`);
  },
);

const operations = [{ kind: 'write' as const, offset: 3 * MIB, data: Buffer.alloc(8192, 7) }];

const cases: Record<string, Omit<VhdxSpec, 'path'>> = {
  'blocks behind the first chunk': {
    type: 'dynamic',
    size: 5 * 1024 * MIB,
    blockSize: 32 * MIB,
    operations: [...operations, { kind: 'write', offset: 4500 * MIB, data: Buffer.alloc(512, 9) }],
  },
  'a file that the log makes longer': {
    type: 'dynamic',
    size: 8 * MIB,
    operations,
    log: {
      cutTo: ({ fileLength }) => fileLength - MIB,
      entries: ({ bat, payload }) => [
        {
          items: [
            { offset: bat, length: 4096, content: 'final' },
            { offset: payload(3) ?? 0, length: MIB, content: 'final' },
          ],
        },
      ],
    },
  },
  'an entry around the end of the log': {
    type: 'dynamic',
    size: 8 * MIB,
    operations,
    log: {
      start: MIB - 4096,
      entries: ({ bat, payload }) => [
        {
          items: [
            { offset: bat, length: 4096, content: 'final' },
            { offset: payload(3) ?? 0, length: 65536, content: 'data' },
          ],
        },
      ],
    },
  },
};

for (const [name, spec] of Object.entries(cases))
  t.test(`qemu-img agrees about ${name}`, { skip }, async (t) => {
    const folder = await temporaryFolder(t);
    await writeVhdx({ ...spec, path: join(folder, 'disk.vhdx') });
    if (spec.log) qemuImg(folder, 'check', '-r', 'all', 'disk.vhdx');
    const image = { name: 'disk.vhdx', format: 'vhdx' };
    if (spec.size <= 8 * MIB) {
      const { content } = flattenVhdx({ ...spec, path: '' });
      t.ok((await readByQemu(folder, image)).equals(content));
      return;
    }
    for (const operation of spec.operations) {
      const parts = `driver=raw,offset=${operation.offset},size=4096,file.driver=vhdx,file.file.filename=disk.vhdx`;
      qemuImg(folder, 'convert', '--image-opts', parts, '-O', 'raw', 'part.raw');
      const part = await readByQemu(folder, { name: 'part.raw', format: 'raw' });
      t.ok(operation.kind === 'write' && part.subarray(0, 512).equals(operation.data.subarray(0, 512)));
    }
  });

t.test(
  'a log that is cut off or wrong is not replayed by qemu-img, so its silence says something',
  { skip },
  async (t) => {
    const folder = await temporaryFolder(t);
    const path = join(folder, 'disk.vhdx');
    await writeVhdx({
      path,
      type: 'dynamic',
      size: 8 * MIB,
      operations,
      log: {
        entries: ({ bat, fileLength }) => [
          { items: [{ offset: bat, length: 4096, content: 'final' }], flushedFileOffset: fileLength + MIB },
        ],
      },
    });
    t.throws(() => qemuImg(folder, 'check', '-r', 'all', 'disk.vhdx'));
  },
);

const parent = { linkage: 'f88d4d92-6fcc-408d-9bef-9b7c89f15c89', relativePath: '.\\base.vhdx' };

t.test('the places of an image are where its structures are', async (t) => {
  const { file, places } = makeVhdx({ path: '', type: 'differencing', size: 8 * MIB, operations, parent });
  t.equal(file.read(places.currentHeader, 4).toString(), 'head');
  t.equal(file.read(places.metadata, 8).toString(), 'metadata');
  const payload = places.payload(3) ?? 0;
  t.equal(file.read(places.payloadEntry(3), 8).readBigUInt64LE(), BigInt(payload) | 7n);
  t.equal(file.read(places.bitmapEntry(0), 8).readBigUInt64LE(), BigInt(places.bitmap(0) ?? 0) | 6n);
  t.same([...file.read(payload, 1), ...file.read(payload + 8192, 1)], [7, 0xee]);
  const locator = places.items.get('parentLocator');
  t.match(file.read(locator?.data ?? 0, locator?.length ?? 0).toString('utf16le'), 'base.vhdx');
});

t.test('sector bitmaps begin with the least significant bit, and with the first block of their chunk', async (t) => {
  const blockSize = 32 * MIB;
  const { file, places } = makeVhdx({
    path: '',
    type: 'differencing',
    size: 5 * 1024 * MIB,
    blockSize,
    parent,
    operations: [
      { kind: 'write', offset: 2 * blockSize + 512, data: Buffer.alloc(1024, 1) },
      { kind: 'write', offset: 130 * blockSize + 8 * 512, data: Buffer.alloc(512, 2) },
    ],
  });
  t.equal(places.chunkRatio, 128);
  const perBlock = blockSize / 512 / 8;
  t.same([...file.read((places.bitmap(0) ?? 0) + 2 * perBlock, 2)], [0b110, 0]);
  t.same([...file.read((places.bitmap(1) ?? 0) + 2 * perBlock, 2)], [0, 1]);
  t.equal(places.bitmapEntry(1) - places.bat, (128 + 1 + 128) * 8);
});

t.test('blocks have the states that their operations lead to', async (t) => {
  const content = Buffer.alloc(8 * MIB, 5);
  const data = Buffer.alloc(512, 7);
  const spec: VhdxSpec = {
    path: '',
    type: 'differencing',
    size: 8 * MIB,
    parent: { ...parent, content },
    operations: [
      { kind: 'undefined', offset: MIB, length: MIB },
      { kind: 'zero', offset: 2 * MIB, length: MIB },
      { kind: 'unmap', offset: 3 * MIB, length: MIB },
      { kind: 'zero', offset: 4 * MIB, length: MIB },
      { kind: 'write', offset: 4 * MIB, data },
      { kind: 'write', offset: 5 * MIB, data, whole: true },
      { kind: 'write', offset: 6 * MIB, data },
      { kind: 'write', offset: 7 * MIB, data },
      { kind: 'zero', offset: 7 * MIB, length: MIB },
    ],
  };
  const { file, places } = makeVhdx(spec);
  const stateOf = (block: number): number => file.read(places.payloadEntry(block), 1).readUInt8() & 7;
  t.same([0, 1, 2, 3, 4, 5, 6, 7].map(stateOf), [0, 1, 2, 3, 6, 6, 7, 2]);
  const byteOf = (block: number): number => file.read((places.payload(block) ?? 0) + 512, 1).readUInt8();
  t.same([4, 5, 6].map(byteOf), [0, 5, 0xee]);
  const { content: seen, kinds } = flattenVhdx(spec, content);
  t.same(
    [0, 1, 2, 3, 4, 5, 6, 7].map((block) => seen[block * MIB + 512]),
    [5, 0, 0, 0, 0, 5, 5, 0],
  );
  t.same(
    [0, 1, 2, 3, 4, 5, 6, 7].map((block) => kinds[block * 2048 + 1]),
    ['absent', 'zero', 'zero', 'zero', 'data', 'data', 'absent', 'zero'],
  );
});
