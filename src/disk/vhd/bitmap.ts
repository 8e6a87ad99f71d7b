import { SECTOR } from './layout.js';

/** Returns the length of a block's sector bitmap in the file, in bytes: one bit per sector, padded to a whole sector. */
export function bitmapLength(blockSize: number): number {
  return Math.ceil(blockSize / SECTOR / 8 / SECTOR) * SECTOR;
}

/** Returns the first sector in `[from, to)` whose bit differs from that of `from`, or `to` if there is none. */
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

/** Returns true if the block holds a sector. The most significant bit of a byte is its first sector. */
export function isSet(bitmap: Uint8Array, sectorIndex: number): boolean {
  return (((bitmap[sectorIndex >> 3] ?? 0) >> (7 - (sectorIndex & 7))) & 1) === 1;
}
