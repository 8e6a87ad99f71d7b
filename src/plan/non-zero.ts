import { endOf, type Range } from './range.js';

const PAGE = 512;
/** Zeros are looked for in strides of this many bytes first: most data is either all zero or not zero at all. */
const STRIDE = 64 * 1024;
const ZEROS = Buffer.alloc(STRIDE);

/**
 * The parts of a buffer worth sending, as ranges within it, in whole pages: all but the zeros.
 * Stretches of zeros of no more than `gap` bytes between two parts are sent along.
 */
export function nonZeroRanges(bytes: Uint8Array, gap: number): Range[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found: Range[] = [];
  for (let stride = 0; stride < buffer.length; stride += STRIDE) {
    const end = Math.min(buffer.length, stride + STRIDE);
    if (isZero(buffer, stride, end)) continue;
    for (let offset = stride; offset < end; offset += PAGE) {
      const pageEnd = Math.min(end, offset + PAGE);
      if (isZero(buffer, offset, pageEnd)) continue;
      const last = found.at(-1);
      if (last && offset - endOf(last) <= gap) found[found.length - 1] = { offset: last.offset, length: pageEnd - last.offset };
      else found.push({ offset, length: pageEnd - offset });
    }
  }
  return found;
}

function isZero(buffer: Buffer, start: number, end: number): boolean {
  return buffer.compare(ZEROS, 0, end - start, start, end) === 0;
}
