/** One MiB of zeros, shared by all. Warning: nothing may ever write to it. */
export const ZEROS = Buffer.alloc(1024 * 1024);

/** Returns true if all bytes are zero. */
export function isZero(bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length; at += ZEROS.length) {
    const part = bytes.subarray(at, at + ZEROS.length);
    if (ZEROS.compare(part, 0, part.length, 0, part.length) !== 0) return false;
  }
  return true;
}
