import { BIT_ORDER, isSectorSet, sectorRunEnd } from '../sector-bits.js';
import { SECTOR } from './layout.js';

/** Returns the length of a block's sector bitmap in the file, in bytes: one bit per sector, padded to a whole sector. */
export function bitmapLength(blockSize: number): number {
  return Math.ceil(blockSize / SECTOR / 8 / SECTOR) * SECTOR;
}

/** Returns the first sector in `[from, to)` whose bit differs from that of `from`, or `to` if there is none. */
export function runEnd(bitmap: Uint8Array, from: number, to: number): number {
  return sectorRunEnd(bitmap, from, to, BIT_ORDER.mostSignificantFirst);
}

/** Sets the bits of the sectors `[from, to)`. */
export function setBits(bitmap: Uint8Array, from: number, to: number): void {
  for (let sectorIndex = from; sectorIndex < to; sectorIndex++) {
    bitmap[sectorIndex >> 3] = (bitmap[sectorIndex >> 3] ?? 0) | (0x80 >> (sectorIndex & 7));
  }
}

/** Returns true if the block holds a sector. The most significant bit of a byte is its first sector. */
export function isSet(bitmap: Uint8Array, sectorIndex: number): boolean {
  return isSectorSet(bitmap, sectorIndex, BIT_ORDER.mostSignificantFirst);
}
