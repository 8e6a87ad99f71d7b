import type { FileEnds } from '../file-ends.js';
import { DISK_TYPE, FOOTER, FOOTER_LENGTH } from './layout.js';

const MIB = 1024 * 1024;

/**
 * Returns true for a file that may be a fixed VHD whose footer is damaged: it has 512 bytes more than whole MiB, or its last 512
 * bytes are a footer for its size in all but the cookie.
 */
export function isLikeFixedVhd({ size, tail }: FileEnds): boolean {
  if (size % MIB === FOOTER_LENGTH) return true;
  if (tail.length < FOOTER_LENGTH) return false;
  const footer = Buffer.from(tail.buffer, tail.byteOffset, tail.length);
  return (
    footer.readBigUInt64BE(FOOTER.currentSize[0]) === BigInt(size - FOOTER_LENGTH) &&
    footer.readUInt32BE(FOOTER.diskType[0]) === DISK_TYPE.fixed
  );
}
