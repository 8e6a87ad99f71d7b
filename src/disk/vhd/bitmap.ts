import { SECTOR } from './layout.js';

/** Bytes that the sector bitmap of a block takes in the file: one bit a sector, padded to a whole sector. */
export function bitmapLength(blockSize: number): number {
  return Math.ceil(blockSize / SECTOR / 8 / SECTOR) * SECTOR;
}

/** First sector from `from` on, before `to`, whose bit is not that of `from`; `to` where all are alike. */
export function runEnd(bitmap: Uint8Array, from: number, to: number): number {
  const present = isSet(bitmap, from);
  const wholeByte = present ? 0xff : 0x00;
  let end = from + 1;
  while (end < to) {
    if (end % 8 === 0 && bitmap[end / 8] === wholeByte) end += 8;
    else if (isSet(bitmap, end) === present) end++;
    else break;
  }
  return Math.min(end, to);
}

/** Sets the bits of the sectors `[from, to)`. */
export function setBits(bitmap: Uint8Array, from: number, to: number): void {
  for (let sectorIndex = from; sectorIndex < to; sectorIndex++) {
    bitmap[sectorIndex >> 3] = (bitmap[sectorIndex >> 3] ?? 0) | (0x80 >> (sectorIndex & 7));
  }
}

/** Whether the block holds a sector. The most significant bit of a byte is its first sector. */
export function isSet(bitmap: Uint8Array, sectorIndex: number): boolean {
  return (((bitmap[sectorIndex >> 3] ?? 0) >> (7 - (sectorIndex & 7))) & 1) === 1;
}
