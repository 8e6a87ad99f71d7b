import { SECTOR } from './layout.js';

/** Bytes that the sector bitmap of a block takes in the file: one bit a sector, padded to a whole sector. */
export function bitmapLength(blockSize: number): number {
  return Math.ceil(blockSize / SECTOR / 8 / SECTOR) * SECTOR;
}

/** A run of sectors with one value of the bitmap. */
export interface BitmapRun {
  readonly sectorIndex: number;
  readonly sectorCount: number;
  readonly present: boolean;
}

/** The runs of `[from, to)`, in sectors of the block. The most significant bit of a byte is its first sector. */
export function bitmapRuns(bitmap: Uint8Array, from: number, to: number): BitmapRun[] {
  const runs: BitmapRun[] = [];
  let sectorIndex = from;
  while (sectorIndex < to) {
    const present = isSet(bitmap, sectorIndex);
    const wholeByte = present ? 0xff : 0x00;
    let end = sectorIndex + 1;
    while (end < to) {
      if (end % 8 === 0 && bitmap[end / 8] === wholeByte) end += 8;
      else if (isSet(bitmap, end) === present) end++;
      else break;
    }
    end = Math.min(end, to);
    runs.push({ sectorIndex, sectorCount: end - sectorIndex, present });
    sectorIndex = end;
  }
  return runs;
}

/** Sets the bits of the sectors `[from, to)`. */
export function setBits(bitmap: Uint8Array, from: number, to: number): void {
  for (let sectorIndex = from; sectorIndex < to; sectorIndex++) {
    bitmap[sectorIndex >> 3] = (bitmap[sectorIndex >> 3] ?? 0) | (0x80 >> (sectorIndex & 7));
  }
}

function isSet(bitmap: Uint8Array, sectorIndex: number): boolean {
  return (((bitmap[sectorIndex >> 3] ?? 0) >> (7 - (sectorIndex & 7))) & 1) === 1;
}
