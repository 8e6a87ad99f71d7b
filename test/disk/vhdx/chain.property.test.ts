import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { checkDisk, openDisk, type Disk, type Extent } from '../../../src/index.js';
import { temporaryFolder } from '../../support/folder.js';
import { Random } from '../../support/mutations.js';
import { writeVhdxChain, type RandomLayer } from '../../support/random-chain.js';
import { scaled, seedOfRun } from '../../support/scale.js';

const RUNS = scaled(40);
const SECTOR = 512;

t.test(
  'any VHDX chain, also with pending logs, reads as it was written, and its extents are those of the writes',
  async (t) => {
    const folder = await temporaryFolder(t);
    const seed = seedOfRun();
    t.comment(`VHDUP_SEED=${seed}`);
    for (let run = 0; run < RUNS; run++) {
      const random = new Random(seed + Math.imul(run, 0x9e3779b1));
      const own = await mkdtemp(join(folder, 'chain-'));
      const layers = (await writeVhdxChain(own, random)).reverse();
      try {
        await compare(layers, random);
      } catch (error) {
        throw new Error(`run ${run} of VHDUP_SEED=${seed}`, { cause: error });
      }
      await rm(own, { recursive: true });
    }
    t.pass(`${RUNS} chains`);
  },
);

/** `layers`: the top first. */
async function compare(layers: readonly RandomLayer[], random: Random): Promise<void> {
  const [top] = layers;
  if (!top) throw new RangeError('a chain has a layer');
  await using disk = await openDisk(top.path);
  if (!(await contentOf(disk)).equals(top.content)) throw new Error('the whole disk differs');
  for (let piece = 0; piece < 6; piece++) {
    const offset = random.below(disk.size);
    const read = Buffer.alloc(random.below(disk.size - offset + 1), 0xee);
    if (random.chance(3)) disk.dropCache();
    await disk.read(offset, read);
    if (!read.equals(top.content.subarray(offset, offset + read.length)))
      throw new Error(`a piece at ${offset} differs`);
  }
  for (let above = 0; above <= layers.length; above++) {
    const found: Extent[] = [];
    for await (const extent of disk.extents({ above })) found.push(extent);
    const expected = expectedExtents(layers, above);
    if (JSON.stringify(found) !== JSON.stringify(expected))
      throw new Error(`extents above ${above}: ${JSON.stringify(found)}, expected ${JSON.stringify(expected)}`);
    const lower = layers[above];
    if (lower && !(await contentOf(disk.ancestor(above))).equals(lower.content))
      throw new Error(`ancestor ${above} differs`);
  }
  for (const [index, { vhdx }] of layers.entries()) {
    if (disk.layers[index]?.id !== vhdx?.dataWriteGuid) throw new Error(`the id of layer ${index} differs`);
    if (disk.layers[index]?.parentId !== layers[index + 1]?.vhdx?.dataWriteGuid)
      throw new Error(`the parent id of layer ${index} differs`);
  }
  const now = await disk.sourceFiles();
  if (now.some(({ structure }, index) => structure !== disk.openedFiles[index]?.structure))
    throw new Error('the digest of an unchanged file differs');
  const { errors } = await checkDisk(top.path);
  if (errors.length > 0) throw new Error(errors[0]?.message);
}

async function contentOf(disk: Disk): Promise<Buffer> {
  const content = Buffer.alloc(disk.size, 0xee);
  await disk.read(0, content);
  return content;
}

/** What the operations alone say. */
function expectedExtents(layers: readonly RandomLayer[], above: number): Extent[] {
  const size = layers[0]?.size ?? 0;
  const sectors = Array.from(
    { length: size / SECTOR },
    () => ({ kind: 'absent', layer: above }) as Omit<Extent, 'offset' | 'length'>,
  );
  for (const [layer, { decided, size: own }] of [...layers.slice(0, above).entries()].reverse()) {
    for (const { offset, length, kind } of decided)
      sectors.fill({ kind, layer }, offset / SECTOR, (offset + length) / SECTOR);
    sectors.fill({ kind: 'zero', layer }, own / SECTOR);
  }
  const extents: Extent[] = [];
  for (const [index, { kind, layer }] of sectors.entries()) {
    const last = extents.at(-1);
    if (last?.kind === kind && last.layer === layer)
      extents[extents.length - 1] = { ...last, length: last.length + SECTOR };
    else extents.push({ offset: index * SECTOR, length: SECTOR, kind, layer });
  }
  return extents;
}
