import { closeSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { writeImage, type ParentSpec } from '../../fixtures/vhd.js';
import { GIB } from './input.js';
import { Random } from './random.js';

const DEPTH = 5;
const BLOCKS = 200_000;
const BLOCK = 2 * 1024 * 1024;
const BITMAP = 512;
const SIZE = 2040 * GIB;
/** Where the writer of the fixtures puts it, where the parent locators do not: see `tableOffset` of the header. */
const TABLE_OFFSET_FIELD = 512 + 16;

/** The top of a chain of five layers, 2,040 GiB, with 200,000 blocks that hold nothing but their sector bitmaps. */
export async function metadataOnly(folder: string): Promise<string> {
  let parent: ParentSpec | undefined;
  for (let layer = 0; layer < DEPTH; layer++) {
    const path = join(folder, `metadata-${layer}.vhd`);
    const { id } = await writeImage({
      path,
      type: parent ? 'differencing' : 'dynamic',
      size: SIZE,
      writes: [],
      ...(parent ? { parent } : {}),
    });
    allocate(path, BLOCKS / DEPTH, new Random(layer), parent !== undefined);
    parent = { path, id };
  }
  return parent?.path ?? '';
}

/** Gives an empty sparse VHD blocks at random places, in random order in the file. */
function allocate(path: string, count: number, random: Random, isDifferencing: boolean): void {
  const file = openSync(path, 'r+');
  const field = Buffer.alloc(8);
  readSync(file, field, 0, 8, TABLE_OFFSET_FIELD);
  const tableOffset = Number(field.readBigUInt64BE());
  const entries = SIZE / BLOCK;
  const table = Buffer.alloc(Math.ceil((entries * 4) / 512) * 512, 0xff);
  const footer = Buffer.alloc(512);
  readSync(file, footer, 0, 512, 0);
  const slots = Math.floor(entries / count);
  let end = tableOffset + table.length;
  // Behind the locators, which the writer put behind the table.
  end += 64 * 512;
  for (let index = 0; index < count; index++) {
    const blockIndex = index * slots + random.upTo(slots);
    table.writeUInt32BE(end / 512, blockIndex * 4);
    if (isDifferencing) writeSync(file, bitmapOf(random), 0, BITMAP, end);
    end += BITMAP + BLOCK;
  }
  writeSync(file, table, 0, table.length, tableOffset);
  ftruncateSync(file, end);
  writeSync(file, footer, 0, 512, end);
  closeSync(file);
}

/** A third of them full, the rest with some runs of sectors. */
function bitmapOf(random: Random): Buffer {
  const bitmap = Buffer.alloc(BITMAP, 0xff);
  if (random.upTo(3) === 0) return bitmap;
  bitmap.fill(0);
  for (let run = 0; run < 4; run++) {
    const from = random.upTo(BITMAP - 64);
    bitmap.fill(0xff, from, from + 1 + random.upTo(63));
    bitmap[from] = 1 + random.upTo(255);
  }
  return bitmap;
}
