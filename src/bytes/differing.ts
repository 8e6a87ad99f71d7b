import { endOf, type Range } from './range.js';
import { SECTOR } from './sector.js';

/** Buffers are compared in strides of this many bytes first: most of them are equal. */
const STRIDE = 64 * 1024;

/** Returns the sectors in which two buffers of one length differ, as a set of ranges within them. */
export function differingRanges(one: Uint8Array, other: Uint8Array): Range[] {
  const a = Buffer.from(one.buffer, one.byteOffset, one.byteLength);
  const b = Buffer.from(other.buffer, other.byteOffset, other.byteLength);
  const isEqual = (start: number, end: number) => a.compare(b, start, end, start, end) === 0;
  const found: Range[] = [];
  for (let stride = 0; stride < a.length; stride += STRIDE) {
    const strideEnd = Math.min(a.length, stride + STRIDE);
    if (isEqual(stride, strideEnd)) continue;
    for (let offset = stride; offset < strideEnd; offset += SECTOR) {
      const end = Math.min(strideEnd, offset + SECTOR);
      if (isEqual(offset, end)) continue;
      const last = found.at(-1);
      if (last && endOf(last) === offset) found[found.length - 1] = { offset: last.offset, length: end - last.offset };
      else found.push({ offset, length: end - offset });
    }
  }
  return found;
}
