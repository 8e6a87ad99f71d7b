import type { Range } from './range.js';
import { SECTOR } from './sector.js';
import { ZEROS } from './zeros.js';

/** Zeros are looked for in strides of this many bytes first: most data is either all zero or not zero at all. */
const STRIDE = 64 * 1024;
/** Then in blocks of a file system: they are seldom zero in part. */
const BLOCK = 4096;

/**
 * Returns the ranges of a buffer that are not zero, within it, in whole sectors. Zeros of no more than `gap` bytes
 * between two such ranges belong to them.
 */
export function nonZeroRanges(bytes: Uint8Array, gap: number): Range[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found: Range[] = [];
  let start = 0;
  let end = 0;
  for (let offset = 0; offset < buffer.length;) {
    const zeros = zerosAt(buffer, offset);
    if (zeros > 0) {
      offset += zeros;
      continue;
    }
    if (end === 0) start = offset;
    else if (offset - end > gap) {
      found.push({ offset: start, length: end - start });
      start = offset;
    }
    offset = Math.min(buffer.length, offset + SECTOR);
    end = offset;
  }
  if (end > 0) found.push({ offset: start, length: end - start });
  return found;
}

/**
 * Returns how many bytes from `offset` on are zero: the largest of a stride, a block and a sector that begins here and
 * is all zero, or 0 if the sector is not zero.
 */
function zerosAt(buffer: Buffer, offset: number): number {
  // A call of a native function costs more than a look at a few bytes, and most sectors that are not zero begin with
  // other bytes.
  if (beginsNonZero(buffer, offset)) return 0;
  for (const length of [STRIDE, BLOCK, SECTOR]) {
    if (offset % length !== 0) continue;
    const end = Math.min(buffer.length, offset + length);
    if (buffer.compare(ZEROS, 0, end - offset, offset, end) === 0) return end - offset;
  }
  return 0;
}

/** Returns true if any of the first 8 bytes of a sector is not zero. */
function beginsNonZero(buffer: Buffer, offset: number): boolean {
  let any = 0;
  for (let at = offset; at < offset + 8; at++) any |= buffer[at] ?? 0;
  return any !== 0;
}
