import { ZEROS } from './zeros.js';

/**
 * Sets all of `bytes` to zero. In memory that threads share, `fill` writes byte by byte and takes ten times as long as
 * this copy.
 */
export function zeroFill(bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; at += ZEROS.length)
    bytes.set(ZEROS.subarray(0, Math.min(ZEROS.length, bytes.length - at)), at);
}
