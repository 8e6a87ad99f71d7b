import { writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { flattenQcow2, writeQcow2, type Qcow2Places, type Qcow2Spec } from '../../fixtures/qcow2.js';
import { writeImage } from '../../fixtures/vhd.js';
import { flattenVhdx, writeVhdx, type VhdxParent, type VhdxPlaces, type VhdxSpec } from '../../fixtures/vhdx.js';
import type { Random } from './mutations.js';
import { randomQcow2 } from './random-qcow2.js';
import { randomVhdx, type VhdxReader } from './random-vhdx.js';
import { randomData, randomRange, SECTOR, type DiskRange } from './random-writes.js';

const MIB = 2 ** 20;
const VHD_BLOCK = 512 * 1024;

/** A range that a layer decides itself; what is in none of them comes from the layers below. */
export interface DecidedRange extends DiskRange {
  readonly kind: 'data' | 'zero';
}

/** A layer on disk, with the truth about it from its operations alone. */
export interface RandomLayer {
  readonly path: string;
  readonly format: 'raw' | 'vhd' | 'vhdx' | 'qcow2';
  /** Virtual size in bytes. */
  readonly size: number;
  /** What the layer reads as. */
  readonly content: Buffer;
  /** In order, none touching another of the same kind. A root decides everything. */
  readonly decided: readonly DecidedRange[];
  readonly qcow2?: { readonly spec: Qcow2Spec; readonly places: Qcow2Places };
  readonly vhdx?: { readonly spec: VhdxSpec; readonly places: VhdxPlaces; readonly dataWriteGuid: string };
  /** Internal snapshots. */
  readonly snapshots: readonly { readonly id: string; readonly content: Buffer }[];
}

type Kind = 'data' | 'zero' | 'absent';

/** Writes a QCOW2 chain of one to four files, root first; the root may be raw, VHD or VHDX. */
export async function writeQcow2Chain(
  folder: string,
  random: Random,
  reader: 'any' | 'qemu' = 'any',
): Promise<RandomLayer[]> {
  const layers: RandomLayer[] = [];
  const depth = 1 + random.below(4);
  const usual = randomSize(random, SECTOR);
  while (layers.length < depth) {
    const size = random.chance(3) ? randomSize(random, SECTOR) : usual;
    const path = join(folder, `layer ${layers.length}-ü`);
    const format = layers.length === 0 && depth > 1 ? random.pick(['raw', 'vhd', 'vhdx', 'qcow2'] as const) : 'qcow2';
    if (format === 'raw') layers.push(await writeRaw(`${path}.img`, random, size));
    else if (format === 'vhd') layers.push(await writeVhd(`${path}.vhd`, random, size));
    else if (format === 'vhdx')
      layers.push(
        await writeVhdxLayer(path, random, {
          size,
          logicalSectorSize: 512,
          reader,
          parent: undefined,
        }),
      );
    else layers.push(await writeQcow2Layer(`${path}.qcow2`, random, { size, parent: layers.at(-1) }));
  }
  return layers;
}

/** Writes a VHDX chain of one to four files, root first, all with the same logical sector size. */
export async function writeVhdxChain(folder: string, random: Random): Promise<RandomLayer[]> {
  const layers: RandomLayer[] = [];
  const depth = 1 + random.below(4);
  const logicalSectorSize = random.pick([512, 512, 4096] as const);
  const usual = randomSize(random, logicalSectorSize);
  while (layers.length < depth) {
    const size = random.chance(3) ? randomSize(random, logicalSectorSize) : usual;
    const path = join(folder, layers.length % 2 === 0 ? `layer ${layers.length}` : `schicht-${layers.length}-ü`);
    layers.push(await writeVhdxLayer(path, random, { size, logicalSectorSize, reader: 'any', parent: layers.at(-1) }));
  }
  return layers;
}

/** Writes a VHDX file: a root, or a child of the parent in the same folder. */
export async function writeVhdxLayer(
  pathWithoutSuffix: string,
  random: Random,
  frame: {
    size: number;
    logicalSectorSize: 512 | 4096;
    reader: VhdxReader;
    parent: RandomLayer | undefined;
  },
): Promise<RandomLayer> {
  const { size, logicalSectorSize, reader, parent } = frame;
  const type = parent ? 'differencing' : random.pick(['fixed', 'dynamic', 'dynamic'] as const);
  const spec: VhdxSpec = {
    ...randomVhdx(random, { size, type, logicalSectorSize, reader }),
    path: `${pathWithoutSuffix}.vhdx`,
    ...(parent ? { parent: locatorOf(random, parent) } : {}),
  };
  const { places, dataWriteGuid } = await writeVhdx(spec);
  const { content, kinds, unit } = flattenVhdx(spec, parent?.content);
  const decided = rangesOf(kinds, unit, size);
  return {
    path: spec.path,
    format: 'vhdx',
    size,
    content,
    decided,
    vhdx: { spec, places, dataWriteGuid },
    snapshots: [],
  };
}

function locatorOf(random: Random, { path, content, vhdx }: RandomLayer): VhdxParent {
  const name = basename(path);
  const relativePath = random.pick([name, `.\\${name}`]);
  const linkage = vhdx?.dataWriteGuid ?? '';
  const windows = { absoluteWin32Path: `C:\\Images\\${name}`, linkage2: '00000000-0000-0000-0000-000000000000' };
  return {
    linkage: random.chance(2) ? linkage : `{${linkage.toUpperCase()}}`,
    relativePath,
    content,
    ...(random.chance(2) ? windows : {}),
  };
}

async function writeQcow2Layer(
  path: string,
  random: Random,
  { size, parent }: { size: number; parent: RandomLayer | undefined },
): Promise<RandomLayer> {
  const formats = { raw: 'raw', vhd: 'vpc', vhdx: 'vhdx', qcow2: 'qcow2' };
  // qemu finds QCOW2 and VHDX by their content, but takes a fixed VHD for a raw disk.
  const isNamed = parent?.format === 'raw' || parent?.format === 'vhd' || !random.chance(4);
  const spec: Qcow2Spec = {
    ...randomQcow2(random, size),
    path,
    ...(parent
      ? {
          backing: {
            name: basename(parent.path),
            ...(isNamed ? { format: formats[parent.format] } : {}),
            content: parent.content,
          },
        }
      : {}),
  };
  const { places } = await writeQcow2(spec);
  const { content, kinds, unit } = flattenQcow2(spec, parent?.content);
  const snapshots = (spec.snapshots ?? []).map((snapshot) => {
    const operations = spec.operations.slice(0, snapshot.after);
    return { id: snapshot.id, content: flattenQcow2({ ...spec, operations }, parent?.content).content };
  });
  const own = parent ? kinds : kinds.map((kind) => (kind === 'absent' ? 'zero' : kind));
  return {
    path,
    format: 'qcow2',
    size,
    content,
    decided: rangesOf(own, unit, size),
    qcow2: { spec, places },
    snapshots,
  };
}

async function writeRaw(path: string, random: Random, size: number): Promise<RandomLayer> {
  const content = Buffer.alloc(size);
  for (const { offset, data } of randomWrites(random, size)) content.set(data, offset);
  await writeFile(path, content);
  return { path, format: 'raw', size, content, decided: [{ offset: 0, length: size, kind: 'data' }], snapshots: [] };
}

async function writeVhd(path: string, random: Random, size: number): Promise<RandomLayer> {
  const type = random.pick(['fixed', 'dynamic'] as const);
  const writes = randomWrites(random, size);
  await writeImage({ path, type, size, blockSize: VHD_BLOCK, writes });
  const content = Buffer.alloc(size);
  const kinds = Array.from({ length: Math.ceil(size / VHD_BLOCK) }, (): Kind => (type === 'fixed' ? 'data' : 'zero'));
  for (const { offset, data } of writes) {
    content.set(data, offset);
    kinds.fill('data', Math.floor(offset / VHD_BLOCK), Math.ceil((offset + data.length) / VHD_BLOCK));
  }
  return { path, format: 'vhd', size, content, decided: rangesOf(kinds, VHD_BLOCK, size), snapshots: [] };
}

function randomWrites(random: Random, size: number): { offset: number; data: Buffer }[] {
  return Array.from({ length: random.below(10) }, () => {
    const { offset, length } = randomRange(random, size, VHD_BLOCK);
    return { offset, data: randomData(random, length) };
  });
}

/** Returns a size of up to 8 MiB, not always of whole clusters. */
function randomSize(random: Random, sector: number): number {
  return random.chance(2) ? (1 + random.below(8)) * MIB : (1 + random.below((8 * MIB) / sector)) * sector;
}

function rangesOf(kinds: readonly Kind[], unit: number, size: number): DecidedRange[] {
  const ranges: DecidedRange[] = [];
  for (const [index, kind] of kinds.entries()) {
    if (kind === 'absent') continue;
    const offset = index * unit;
    const length = Math.min(unit, size - offset);
    const last = ranges.at(-1);
    if (last?.kind === kind && last.offset + last.length === offset)
      ranges[ranges.length - 1] = { ...last, length: last.length + length };
    else ranges.push({ offset, length, kind });
  }
  return ranges;
}
