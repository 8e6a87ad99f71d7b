import { BIT_ORDER, isSectorSet, sectorRunEnd } from '../sector-bits.js';

/** Returns true if the file holds a sector. The least significant bit of a byte is its first sector ([MS-VHDX] 2.4): unlike in VHD. */
export function isSet(bitmap: Uint8Array, sectorIndex: number): boolean {
  return isSectorSet(bitmap, sectorIndex, BIT_ORDER.leastSignificantFirst);
}

/** Returns the first sector in `[from, to)` whose bit differs from that of `from`, or `to` if there is none. */
export function runEnd(bitmap: Uint8Array, from: number, to: number): number {
  return sectorRunEnd(bitmap, from, to, BIT_ORDER.leastSignificantFirst);
}
