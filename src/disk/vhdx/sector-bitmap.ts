/** Returns true if the file holds a sector. The least significant bit of a byte is its first sector ([MS-VHDX] 2.4): unlike in VHD. */
export function isSet(bitmap: Uint8Array, sectorIndex: number): boolean {
  return (((bitmap[sectorIndex >> 3] ?? 0) >> (sectorIndex & 7)) & 1) === 1;
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
