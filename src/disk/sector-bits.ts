/** The order of the bits in a byte of a sector bitmap: the first sector has its most or its least significant bit. */
export const BIT_ORDER = { mostSignificantFirst: 7, leastSignificantFirst: 0 } as const;

/** An order of bits: what the index of a sector within its byte is combined with (XOR) to get the number of its bit. */
export type BitOrder = (typeof BIT_ORDER)[keyof typeof BIT_ORDER];

/** Returns true if the bit of a sector is set. */
export function isSectorSet(bitmap: Uint8Array, sectorIndex: number, order: BitOrder): boolean {
  return (((bitmap[sectorIndex >> 3] ?? 0) >> ((sectorIndex & 7) ^ order)) & 1) === 1;
}

/** Returns the first sector in `[from, to)` whose bit differs from that of `from`, or `to` if there is none. */
export function sectorRunEnd(bitmap: Uint8Array, from: number, to: number, order: BitOrder): number {
  const present = isSectorSet(bitmap, from, order);
  const wholeByte = present ? 0xff : 0x00;
  let end = from + 1;
  while (end < to) {
    if (end % 8 === 0 && bitmap[end / 8] === wholeByte) end += 8;
    else if (isSectorSet(bitmap, end, order) === present) end++;
    else break;
  }
  return Math.min(end, to);
}
