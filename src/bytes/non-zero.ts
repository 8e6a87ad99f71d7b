import type { Range } from './range.js';

const PAGE = 512;
/** Zeros are looked for in strides of this many bytes first: most data is either all zero or not zero at all. */
const STRIDE = 64 * 1024;
/** Then in stretches of a file system's block: it is seldom zero in part. */
const BLOCK = 4096;
const ZEROS = Buffer.alloc(STRIDE);

/**
 * The parts of a buffer worth sending, as ranges within it, in whole pages: all but the zeros.
 * Stretches of zeros of no more than `gap` bytes between two parts are sent along.
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
    offset = Math.min(buffer.length, offset + PAGE);
    end = offset;
  }
  if (end > 0) found.push({ offset: start, length: end - start });
  return found;
}

/** A length of zeros at a page, in whole pages: 0 where the page is not zero. The largest of the three that begin here. */
function zerosAt(buffer: Buffer, offset: number): number {
  // A call of a native function costs more than a page; most pages that are not zero show it at once.
  if (startsOtherwise(buffer, offset)) return 0;
  for (const length of [STRIDE, BLOCK, PAGE]) {
    if (offset % length !== 0) continue;
    const end = Math.min(buffer.length, offset + length);
    if (buffer.compare(ZEROS, 0, end - offset, offset, end) === 0) return end - offset;
  }
  return 0;
}

/** Whether any of the first bytes of a page is not zero. */
function startsOtherwise(buffer: Buffer, offset: number): boolean {
  let any = 0;
  for (let at = offset; at < offset + 8; at++) any |= buffer[at] ?? 0;
  return any !== 0;
}
