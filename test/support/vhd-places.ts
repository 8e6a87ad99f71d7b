import { open, utimes, type FileHandle } from 'node:fs/promises';

const SECTOR = 512;

/** Where an image written by `fixtures/vhd.ts` keeps what; bytes from the start of its file. */
export interface Places {
  /** Where the blocks' data begin, with their sectors; a fixed disk is one block. */
  readonly blocks: readonly { readonly position: number; readonly sectors: number }[];
  /** Where the bitmap of each of these blocks is; none of a fixed disk. */
  readonly bitmaps: readonly number[];
  /** Where the entries of these blocks are in the BAT; none of a fixed disk. */
  readonly entries: readonly number[];
}

/** Finds them without any code of the tool. */
export async function placesIn(file: FileHandle): Promise<Places> {
  const head = Buffer.alloc(1536);
  await file.read(head, 0, head.length, 0);
  const { size } = await file.stat();
  if (head.subarray(512, 520).toString('latin1') !== 'cxsparse')
    return { blocks: [{ position: 0, sectors: size / SECTOR - 1 }], bitmaps: [], entries: [] };
  const diskSize = Number(head.readBigUInt64BE(48));
  const tableOffset = Number(head.readBigUInt64BE(512 + 16));
  const blockSize = head.readUInt32BE(512 + 32);
  const bitmapLength = Math.ceil(blockSize / SECTOR / 8 / SECTOR) * SECTOR;
  const table = Buffer.alloc(Math.ceil(diskSize / blockSize) * 4);
  await file.read(table, 0, table.length, tableOffset);
  const found = Array.from({ length: table.length / 4 }, (_, index) => ({
    index,
    sector: table.readUInt32BE(index * 4),
  })).filter(({ sector }) => sector !== 0xffff_ffff);
  return {
    blocks: found.map(({ index, sector }) => ({
      position: sector * SECTOR + bitmapLength,
      sectors: Math.min(blockSize, diskSize - index * blockSize) / SECTOR,
    })),
    bitmaps: found.map(({ sector }) => sector * SECTOR),
    entries: found.map(({ index }) => tableOffset + index * 4),
  };
}

/** A time of modification that can be put back to the nanosecond, seconds since the epoch. */
export const OLD = 1_700_000_000;

/** Gives a file a time of modification that can be put back. */
export function makeOld(path: string): Promise<void> {
  return utimes(path, OLD, OLD);
}

/** Changes an image in place, then puts its time of modification back. */
export async function tear(path: string, change: (file: FileHandle, places: Places) => Promise<void>): Promise<void> {
  const file = await open(path, 'r+');
  try {
    await change(file, await placesIn(file));
  } finally {
    await file.close();
  }
  await makeOld(path);
}
