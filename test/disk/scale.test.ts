import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import t, { type Test } from 'tap';
import { makePushPlan, PushPlanner } from '../../src/index.js';
import { openDiskFrom } from '../../src/disk/open.js';
import { temporaryFolder } from '../support/folder.js';
import { SparseFiles, sparseChain, type SparseLayer, type SparseLayerSpec } from '../support/sparse-files.js';

const SIZE = 2040 * 1024 ** 3;
const BLOCK = 2 * 1024 * 1024;
const BLOCKS = SIZE / BLOCK;
const MIB = 1024 * 1024;

const FULL = new Uint8Array(512).fill(0xff);
const EMPTY = new Uint8Array(512);
/** Three runs of sectors. */
const RUNS = new Uint8Array(512).fill(0xff, 10, 20).fill(0x0f, 100, 101).fill(0xff, 500);
const ALTERNATING = new Uint8Array(512).fill(0xaa);

const layerOf = (name: string, blocks: ReadonlyMap<number, Uint8Array>): SparseLayerSpec => ({
  name,
  type: name === 'root0' ? 'dynamic' : 'differencing',
  size: SIZE,
  blockSize: BLOCK,
  blocks,
});
const every = (step: number, bitmaps: readonly Uint8Array[], start = 0, end = BLOCKS) =>
  new Map(
    Array.from({ length: Math.ceil((end - start) / step) }, (_, index) => [
      start + index * step,
      bitmaps[index % bitmaps.length] ?? FULL,
    ]),
  );

async function open(t: Test, specs: readonly SparseLayerSpec[]) {
  const layers = (await sparseChain(await temporaryFolder(t), specs)).reverse();
  const files = new SparseFiles(layers);
  const disk = await openDiskFrom(files, layers[0]?.path ?? '');
  t.teardown(() => disk.close());
  return { layers, files, disk };
}

/** Blocks of a differencing layer that no layer above it has whole: their bitmaps have to be read. */
function visibleBlocks(layers: readonly SparseLayer[]): number {
  return layers.reduce(
    (sum, { type, blocks }, index) =>
      sum +
      (type === 'dynamic'
        ? 0
        : [...blocks.keys()].filter(
            (block) => !layers.slice(0, index).some((above) => above.blocks.get(block) === FULL),
          ).length),
    0,
  );
}

t.test(
  'a chain of five layers with 20,000 blocks in 2,040 GiB: every bitmap that shows is read once, and many at a time',
  async (t) => {
    const { layers, files, disk } = await open(t, [
      layerOf('root0', every(100, [FULL])),
      ...[1, 2, 3, 4].map((index) =>
        layerOf(`child${index}`, every(400, [FULL, EMPTY, RUNS], index % 2 === 0 ? 0 : index * 10)),
      ),
    ]);
    const planner = new PushPlanner({ size: disk.size });
    let data = 0;
    let end = 0;
    const held = process.memoryUsage().arrayBuffers;
    let most = 0;
    for await (const extent of disk.extents()) {
      planner.add(extent);
      if (extent.kind === 'data') data += extent.length;
      end = extent.offset + extent.length;
      most = Math.max(most, process.memoryUsage().arrayBuffers - held);
    }
    t.equal(end, SIZE);
    t.equal(files.bitmapReads.size, visibleBlocks(layers));
    t.equal(
      visibleBlocks(layers) < layers.slice(0, -1).reduce((sum, { blocks }) => sum + blocks.size, 0),
      true,
      'some blocks are hidden',
    );
    t.ok([...files.bitmapReads.values()].every((count) => count === 1));
    t.ok(files.mostAtOnce > 8 && files.mostAtOnce <= 32, `${files.mostAtOnce} reads at a time`);
    t.ok(most < 16 * MIB, `${most} bytes of buffers`);
    const { totals } = planner.plan();
    t.equal(totals.send - totals.gaps - 512, data);
  },
);

t.test('a disk of 2,040 GiB without a block is one extent, and nothing of it is read', async (t) => {
  const { files, disk } = await open(t, [
    layerOf('root0', new Map()),
    ...[1, 2, 3, 4].map((index) => layerOf(`child${index}`, new Map())),
  ]);
  const extents = [];
  for await (const extent of disk.extents()) extents.push(extent);
  t.strictSame(extents, [{ offset: 0, length: SIZE, kind: 'zero', layer: 4 }]);
  t.equal(files.bitmapReads.size, 0);
  t.equal(makePushPlan({ size: SIZE, extents }).totals.requests, 1);
});

t.test('a crafted image with every other sector of each block is resolved in little memory', async (t) => {
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  const blocks = 20;
  const { files, disk } = await open(t, [
    layerOf('root0', every(1, [FULL], 0, blocks)),
    layerOf('child1', every(1, [ALTERNATING], 0, blocks)),
  ]);
  const held = () => {
    collectGarbage();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  const before = held();
  let most = 0;
  let count = 0;
  for await (const extent of disk.extents()) {
    if (extent.length > 0 && count++ % 20_000 === 10_000) most = Math.max(most, held() - before);
  }
  t.equal(count, blocks * 4096 + 1);
  t.equal(files.bitmapReads.size, blocks);
  t.ok(most < 16 * MIB, `${most} bytes`);
});

t.test('reads here and there of a few blocks read each bitmap once, also between long stretches', async (t) => {
  const { files, disk } = await open(t, [layerOf('root0', new Map()), layerOf('child1', every(1, [RUNS], 0, 2000))]);
  const sector = new Uint8Array(512);
  for (let round = 0; round < 20; round++)
    for (const block of [5, 6, 900, 1999]) await disk.read(block * BLOCK + round * 512, sector);
  t.equal(
    [...files.bitmapReads.values()].reduce((sum, reads) => sum + reads, 0),
    4,
  );
  for await (const extent of disk.extents()) if (extent.offset > SIZE) t.fail();
  for (const block of [5, 6, 900, 1999]) await disk.read(block * BLOCK, sector);
  t.equal(Math.max(...files.bitmapReads.values()), 1, 'the extents push nothing out');
});

t.test('what is being read when the cache is dropped is not kept: the next read takes it from the file', async (t) => {
  const { files, disk } = await open(t, [layerOf('root0', new Map()), layerOf('child1', every(1, [RUNS], 0, 10))]);
  const sector = new Uint8Array(512);
  const reads = () => [...files.bitmapReads.values()].reduce((sum, count) => sum + count, 0);
  const underWay = disk.read(5 * BLOCK, sector);
  while (reads() === 0) await Promise.resolve();
  disk.dropCache();
  await underWay;
  t.equal(reads(), 1);
  await disk.read(5 * BLOCK, sector);
  t.equal(reads(), 2);
  await disk.read(5 * BLOCK, sector);
  t.equal(reads(), 2, 'and kept again');
  disk.ancestor(0).dropCache();
  await disk.read(5 * BLOCK, sector);
  t.equal(reads(), 3);
});
