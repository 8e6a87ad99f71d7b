import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { openDisk, type Disk } from '../../../src/index.js';
import { FORMAT_NAMES } from '../../../src/disk/registry.js';
import { temporaryFolder } from '../../support/folder.js';
import { Random } from '../../support/mutations.js';
import { writeQcow2Chain, type RandomLayer } from '../../support/random-chain.js';
import { scaled, seedOfRun } from '../../support/scale.js';

const RUNS = scaled(50);
const SECTOR = 512;
const PIECES = 6;

t.test(
  'any chain of QCOW2 reads as its operations say, at every level, whole and in pieces, and its extents tell the truth',
  { timeout: 600_000 },
  async (t) => {
    const folder = await temporaryFolder(t);
    const seed = seedOfRun();
    t.comment(`seed ${seed}`);
    const supported: readonly string[] = FORMAT_NAMES;
    let tested = 0;
    for (let run = 0; run < RUNS; run++) {
      const random = new Random(seed + Math.imul(run, 0x9e3779b1));
      const own = await mkdtemp(join(folder, 'chain-'));
      const layers = (await writeQcow2Chain(own, random)).reverse();
      if (layers.every(({ format }) => supported.includes(format))) {
        tested++;
        try {
          await checkChain(layers, random);
        } catch (error) {
          throw new Error(`chain ${run} of VHDUP_SEED=${seed}, ${layers.map(({ format }) => format).join(' over ')}`, {
            cause: error,
          });
        }
      }
      await rm(own, { recursive: true });
    }
    t.ok(tested > RUNS / 2, `${tested} chains`);
  },
);

/** `layers`: top first. */
async function checkChain(layers: readonly RandomLayer[], random: Random): Promise<void> {
  const [top] = layers;
  if (!top) throw new RangeError('no layers');
  await using disk = await openDisk(top.path);
  if (disk.layers.length !== layers.length) throw new Error(`${disk.layers.length} layers`);
  for (const [index, layer] of layers.entries()) await checkContent(disk.ancestor(index), layer.content, random);
  for (let above = 0; above <= layers.length; above++) await checkExtents(disk, layers, above);
  disk.dropCache();
  await checkContent(disk, top.content, random);
  for (const { id, content } of top.snapshots) {
    await using snapshot = await openDisk(top.path, { snapshot: id });
    await checkContent(snapshot, content, random);
  }
}

async function checkContent(disk: Disk, content: Buffer, random: Random): Promise<void> {
  if (disk.size !== content.length) throw new Error(`${disk.size} bytes, not ${content.length}`);
  const whole = Buffer.alloc(disk.size, 0xa5);
  await disk.read(0, whole);
  if (!whole.equals(content)) throw new Error(`another content from ${firstDifference(whole, content)} on`);
  const pieces = Array.from({ length: PIECES }, () => {
    const start = random.below(disk.size);
    return {
      start,
      piece: Buffer.alloc(1 + random.below(Math.min(random.pick([4096, 300_000, 9e6]), disk.size - start))),
    };
  });
  await Promise.all(pieces.map(({ start, piece }) => disk.read(start, piece)));
  for (const { start, piece } of pieces)
    if (!piece.equals(content.subarray(start, start + piece.length)))
      throw new Error(`${piece.length} bytes at ${start} differ`);
}

function firstDifference(one: Buffer, other: Buffer): number {
  return one.findIndex((byte, index) => byte !== other[index]);
}

/** By the operations alone: who decides each sector, and how. */
function decisions(layers: readonly RandomLayer[], above: number, size: number): string[] {
  const found = new Array<string>(Math.ceil(size / SECTOR)).fill('absent');
  for (const [index, layer] of layers.slice(0, above).entries()) {
    const end = Math.ceil(layer.size / SECTOR);
    const decide = (from: number, to: number, kind: string) => {
      for (let sector = from; sector < Math.min(to, found.length); sector++)
        if (found[sector] === 'absent') found[sector] = `${kind} ${index}`;
    };
    for (const { offset, length, kind } of layer.decided)
      decide(offset / SECTOR, Math.min(end, Math.ceil((offset + length) / SECTOR)), kind);
    if (index > 0) decide(end, found.length, 'zero');
  }
  return found;
}

async function checkExtents(disk: Disk, layers: readonly RandomLayer[], above: number): Promise<void> {
  const expected = decisions(layers, above, disk.size);
  let end = 0;
  for await (const { offset, length, kind, layer } of disk.extents({ above })) {
    if (offset !== end || length <= 0) throw new Error(`an extent at ${offset}, expected at ${end}`);
    end += length;
    const said = kind === 'absent' ? kind : `${kind} ${layer}`;
    const sector = expected.slice(offset / SECTOR, end / SECTOR).findIndex((decision) => decision !== said);
    if (sector >= 0)
      throw new Error(
        `above ${above}: ${said} at ${offset + sector * SECTOR}, not ${expected[offset / SECTOR + sector]}`,
      );
  }
  if (end !== disk.size) throw new Error(`the extents end at ${end}`);
}
