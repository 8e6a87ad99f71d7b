import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import type { Extent } from '../../src/index.js';
import { openDiskFrom } from '../../src/disk/open.js';
import { temporaryFolder } from '../support/folder.js';
import { scaled, seedOfRun } from '../support/scale.js';
import { SparseFiles, byteAt, sparseChain, type SparseLayer, type SparseLayerSpec } from '../support/sparse-files.js';

const SECTOR = 512;
const MIB = 1024 * 1024;
const RUNS = scaled(20);

/** Fates of a differencing block: absent, there with nothing, with everything, with runs, with every other sector. */
const FATES = ['absent', 'absent', 'empty', 'full', 'full', 'runs', 'alternating'] as const;

function bitmapOf(fate: (typeof FATES)[number], blockSize: number, random: () => number): Uint8Array {
  const sectors = blockSize / SECTOR;
  const bitmap = new Uint8Array(Math.ceil(sectors / 8 / SECTOR) * SECTOR);
  if (fate === 'full') bitmap.fill(0xff);
  if (fate === 'alternating') bitmap.fill(0xaa);
  if (fate !== 'runs') return bitmap;
  for (let runs = 1 + (random() % 4); runs > 0; runs--) {
    const from = random() % sectors;
    for (let sector = from; sector < Math.min(sectors, from + 1 + (random() % 20)); sector++)
      bitmap[sector >> 3] = (bitmap[sector >> 3] ?? 0) | (0x80 >> (sector & 7));
  }
  return bitmap;
}

/** Numbers from a seed: a chain has thousands of blocks, too many for values that fast-check makes one by one. */
function numbers(seed: number): () => number {
  let state = seed | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

/** Recipes: the chains themselves would fill pages where one fails. Their layers have more blocks than a view holds; sizes and block sizes differ, the last block is often partial. */
const recipes = fc.record({
  seed: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
  layers: fc.array(
    fc.record({
      blockSize: fc.constantFrom(4096, 4096, 4096, 524_288, 2 * MIB),
      sectors: fc.oneof(
        { weight: 3, arbitrary: fc.constant((8 * MIB) / SECTOR - 3) },
        { weight: 1, arbitrary: fc.integer({ min: 1, max: (8 * MIB) / SECTOR }) },
      ),
      density: fc.constantFrom(0, 10, 50, 100, 100),
    }),
    { minLength: 1, maxLength: 5 },
  ),
});

function chainOf({ seed, layers }: typeof recipes extends fc.Arbitrary<infer R> ? R : never): SparseLayerSpec[] {
  const random = numbers(seed);
  return layers.map(({ blockSize, sectors, density }, index): SparseLayerSpec => {
    const blocks = new Map<number, Uint8Array>();
    for (let block = 0; block < Math.ceil((sectors * SECTOR) / blockSize); block++) {
      const fate = FATES[random() % FATES.length] ?? 'absent';
      if (fate !== 'absent' && random() % 100 < density) blocks.set(block, bitmapOf(fate, blockSize, random));
    }
    return {
      name: `layer${index}`,
      type: index === 0 ? 'dynamic' : 'differencing',
      size: sectors * SECTOR,
      blockSize,
      blocks,
    };
  });
}

/** The oracle: what one sector is, asked of one layer after the other, the top first. */
function sectorAt(
  layers: readonly SparseLayer[],
  above: number,
  offset: number,
): { kind: Extent['kind']; layer: number; position: number } {
  for (const [index, layer] of layers.slice(0, above).entries()) {
    if (offset >= layer.size) return { kind: 'zero', layer: index, position: 0 };
    const block = Math.floor(offset / layer.blockSize);
    const within = offset % layer.blockSize;
    const sector = within / SECTOR;
    const bitmap = layer.blocks.get(block);
    const isThere = bitmap && (layer.type === 'dynamic' || ((bitmap[sector >> 3] ?? 0) & (0x80 >> (sector & 7))) !== 0);
    if (isThere) return { kind: 'data', layer: index, position: (layer.positions.get(block) ?? 0) + within };
    if (layer.type === 'dynamic') return { kind: 'zero', layer: index, position: 0 };
  }
  return { kind: 'absent', layer: above, position: 0 };
}

function expectedExtents(layers: readonly SparseLayer[], above: number, size: number): Extent[] {
  const extents: { offset: number; length: number; kind: Extent['kind']; layer: number }[] = [];
  for (let offset = 0; offset < size; offset += SECTOR) {
    const { kind, layer } = sectorAt(layers, above, offset);
    const last = extents.at(-1);
    if (last?.kind === kind && last.layer === layer) last.length += SECTOR;
    else extents.push({ offset, length: SECTOR, kind, layer });
  }
  return extents;
}

t.test(
  'layers with more blocks than are loaded at a time resolve as they do sector by sector, and so do reads',
  async (t) => {
    const folder = await temporaryFolder(t);
    const seed = seedOfRun();
    t.comment(`seed ${seed}`);
    await fc.assert(
      fc.asyncProperty(
        recipes,
        fc.array(fc.tuple(fc.nat(8 * MIB), fc.oneof(fc.nat(3000), fc.nat(3 * MIB))), { minLength: 1, maxLength: 4 }),
        async (recipe, cuts) => {
          const specs = chainOf(recipe);
          const own = await mkdtemp(join(folder, 'chain-'));
          const layers = (await sparseChain(own, specs)).reverse();
          const files = new SparseFiles(layers);
          await using disk = await openDiskFrom(files, layers[0]?.path ?? '');
          for (const above of [layers.length, layers.length - 1, 1]) {
            const found: Extent[] = [];
            files.bitmapReads.clear();
            for await (const extent of disk.extents({ above })) found.push(extent);
            if (JSON.stringify(found) !== JSON.stringify(expectedExtents(layers, above, disk.size)))
              throw new Error(`the extents above ${above} differ`);
            // If block sizes differ, what one layer has loaded may end within a block of another. So may a layer that is smaller than the disk.
            const isEven = new Set(recipe.layers.map(({ blockSize }) => blockSize)).size === 1;
            const endsWithin = layers.filter(
              ({ size, blockSize }) => size < disk.size && size % blockSize !== 0,
            ).length;
            if (isEven && [...files.bitmapReads.values()].some((count) => count > 1 + endsWithin))
              throw new Error('a bitmap was read twice');
          }
          for (const [at, wanted] of cuts) {
            const offset = at % disk.size;
            const into = Buffer.alloc(Math.min(wanted, disk.size - offset), 0xee);
            await disk.read(offset, into);
            for (let index = 0; index < into.length;) {
              const { kind, layer, position } = sectorAt(
                layers,
                layers.length,
                Math.floor((offset + index) / SECTOR) * SECTOR,
              );
              const end = Math.min(into.length, index + SECTOR - ((offset + index) % SECTOR));
              const from = layers[layer];
              for (; index < end; index++) {
                const expected = kind === 'data' && from ? byteAt(from, position + ((offset + index) % SECTOR)) : 0;
                if (into[index] !== expected) throw new Error(`the byte at ${offset + index} differs`);
              }
            }
          }
          await rm(own, { recursive: true });
        },
      ),
      { numRuns: RUNS, seed },
    );
    t.pass(`${RUNS} chains`);
  },
);
