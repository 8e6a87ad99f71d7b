import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setChecksum, writeImage, type ParentSpec } from '../../fixtures/vhd.js';
import type { Files, SourceHandle } from '../../src/disk/file.js';

const SECTOR = 512;
const TABLE = SECTOR + 1024;

/** A layer of any size that takes memory only for its structures. */
export interface SparseLayerSpec {
  readonly name: string;
  readonly type: 'dynamic' | 'differencing';
  readonly size: number;
  readonly blockSize: number;
  /** The sector bitmaps of the blocks that it has. */
  readonly blocks: ReadonlyMap<number, Uint8Array>;
}

/** What a layer's file holds, and where its blocks are. */
export interface SparseLayer extends SparseLayerSpec {
  readonly path: string;
  readonly id: string;
  readonly fileSize: number;
  readonly structures: ReadonlyMap<number, Uint8Array>;
  /** Where the data of each block begins in the file. */
  readonly positions: ReadonlyMap<number, number>;
}

/** Makes the structures of a chain, root first; `folder` is for their making. */
export async function sparseChain(folder: string, specs: readonly SparseLayerSpec[]): Promise<SparseLayer[]> {
  const layers: SparseLayer[] = [];
  for (const spec of specs) layers.push(await sparseLayer(folder, spec, layers.at(-1)));
  return layers;
}

async function sparseLayer(
  folder: string,
  spec: SparseLayerSpec,
  parent: ParentSpec | undefined,
): Promise<SparseLayer> {
  const { type, size, blockSize, blocks } = spec;
  const { path, id } = await writeImage({
    path: join(folder, `${spec.name}.vhd`),
    type,
    size,
    blockSize,
    writes: [],
    ...(parent ? { parent: { path: parent.path, id: parent.id } } : {}),
  });
  const file = await readFile(path);
  const footer = file.subarray(-SECTOR);
  const head = file.subarray(SECTOR, TABLE);
  const table = file.subarray(TABLE, TABLE + Math.ceil(size / blockSize) * 4);
  const prefix = Math.ceil(blockSize / SECTOR / 8 / SECTOR) * SECTOR;
  const structures = new Map<number, Uint8Array>([
    [0, footer],
    [SECTOR, head],
    [TABLE, table],
  ]);
  for (let at = 576; at < 768; at += 24) {
    const [length, offset] = [head.readUInt32BE(at + 8), Number(head.readBigUInt64BE(at + 16))];
    if (length > 0) structures.set(offset, file.subarray(offset, offset + length));
  }
  const positions = new Map<number, number>();
  let end = file.length - SECTOR;
  for (const [index, bitmap] of blocks) {
    table.writeUInt32BE(end / SECTOR, index * 4);
    structures.set(end, bitmap);
    positions.set(index, end + prefix);
    end += prefix + blockSize;
  }
  setChecksum(head, 36);
  structures.set(end, footer);
  return { ...spec, path, id, fileSize: end + SECTOR, structures, positions };
}

/** The byte that a file holds somewhere in the data of a block: it tells the layer and the place. */
export function byteAt(layer: SparseLayer, position: number): number {
  return (layer.name.charCodeAt(layer.name.length - 1) * 31 + (position >>> 9) * 7 + position) & 0xff;
}

/** Layers as files; it counts what is read of them. */
export class SparseFiles implements Files {
  readonly #layers: ReadonlyMap<string, SparseLayer>;
  /** How often each bitmap was read, by the file's path and the position. */
  readonly bitmapReads = new Map<string, number>();
  /** The most reads that were under way at a time. */
  mostAtOnce = 0;
  #atOnce = 0;

  constructor(layers: readonly SparseLayer[]) {
    this.#layers = new Map(layers.map((layer) => [resolve(layer.path), layer]));
  }

  async realPath(path: string): Promise<string> {
    return resolve(path);
  }

  async open(path: string): Promise<SourceHandle> {
    const layer = this.#layers.get(resolve(path));
    if (!layer) throw new Error(`${path}: no such file`);
    const prefix = Math.ceil(layer.blockSize / SECTOR / 8 / SECTOR) * SECTOR;
    const bitmaps = new Set([...layer.positions.values()].map((position) => position - prefix));
    return {
      path,
      size: layer.fileSize,
      identity: resolve(path),
      read: async (position, into) => {
        this.mostAtOnce = Math.max(this.mostAtOnce, ++this.#atOnce);
        const structure = structureAt(layer, position);
        if (bitmaps.has(position))
          this.bitmapReads.set(
            `${layer.name} ${position}`,
            (this.bitmapReads.get(`${layer.name} ${position}`) ?? 0) + 1,
          );
        await new Promise(setImmediate);
        if (structure) into.set(structure.subarray(0, into.length));
        else for (let index = 0; index < into.length; index++) into[index] = byteAt(layer, position + index);
        this.#atOnce--;
      },
      statPath: async () => ({ identity: path, size: layer.fileSize, mtimeNs: 0n, ctimeNs: 0n }),
      close: async () => undefined,
    };
  }
}

/** What a structure of the file holds from a position on; the table may be read in parts. */
function structureAt({ structures }: SparseLayer, position: number): Uint8Array | undefined {
  const table = structures.get(TABLE);
  return (
    structures.get(position) ??
    (table && position > TABLE && position < TABLE + table.length ? table.subarray(position - TABLE) : undefined)
  );
}
