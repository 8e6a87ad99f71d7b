import { open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { writeImage, type ParentSpec } from '../../fixtures/vhd.js';
import { localFiles, type Files } from '../../src/disk/file.js';

/** The largest size that a sparse VHD has. */
export const SCATTERED_SIZE = 2040 * 1024 ** 3;

/** A chain whose tables are as large as a hostile image can make them: with blocks of 128 KiB each has 64 MiB. */
export interface ScatteredSpec {
  readonly folder: string;
  readonly layers: number;
  readonly blockSize: number;
  /** The number of table entries for each block; a page of a table that is kept has 4,096. */
  readonly every: number;
}

/** Writes a chain of 2,040 GiB whose layers have blocks all over their tables, without data; returns the path of its top. */
export async function scatteredChain({ folder, layers, blockSize, every }: ScatteredSpec): Promise<string> {
  let parent: ParentSpec | undefined;
  for (let index = 0; index < layers; index++) {
    parent = await writeImage({
      path: join(folder, `c${index}.vhd`),
      type: index === 0 ? 'dynamic' : 'differencing',
      size: SCATTERED_SIZE,
      blockSize,
      writes: [],
      ...(parent ? { parent } : {}),
    });
  }
  for (let index = 0; index < layers; index++) await scatter(join(folder, `c${index}.vhd`), blockSize, every);
  return parent?.path ?? '';
}

/** Where the header of an image says that its table begins. */
export async function tableOffset(file: Awaited<ReturnType<typeof open>>): Promise<number> {
  const field = Buffer.alloc(8);
  await file.read(field, 0, 8, 512 + 16);
  return Number(field.readBigUInt64BE());
}

async function scatter(path: string, blockSize: number, every: number): Promise<void> {
  const file = await open(path, 'r+');
  try {
    const { size } = await stat(path);
    const footer = Buffer.alloc(512);
    await file.read(footer, 0, 512, size - 512);
    const table = Buffer.alloc(Math.ceil(SCATTERED_SIZE / blockSize) * 4, 0xff);
    const bitmap = Math.ceil(blockSize / 512 / 8 / 512) * 512;
    let end = size - 512;
    for (let entry = 0; entry < table.length / 4; entry += every) {
      table.writeUInt32BE(end / 512, entry * 4);
      end += bitmap + blockSize;
    }
    await file.write(table, 0, table.length, await tableOffset(file));
    await file.write(footer, 0, 512, end);
  } finally {
    await file.close();
  }
}

/** Files of this machine; at each opening, and whenever `look` is called, it looks how much memory buffers take. */
export function filesThatWatchMemory(): { readonly files: Files; look(): void; most(): number } {
  const before = process.memoryUsage().arrayBuffers;
  let most = 0;
  const look = () => {
    most = Math.max(most, process.memoryUsage().arrayBuffers - before);
  };
  const files: Files = {
    realPath: (at) => localFiles.realPath(at),
    open: async (at) => {
      look();
      return localFiles.open(at);
    },
  };
  return { files, look, most: () => most };
}
