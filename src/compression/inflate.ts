import { constants, inflateRawSync } from 'node:zlib';
import { wrongLength } from './damaged-error.js';
import { oneShot } from './one-shot.js';

/**
 * Decompresses raw deflate (RFC 1951) into `into`, which it must fill exactly. Ignores what follows the last block.
 * Accepts a stream without an end if it fills `into`: the end may be cut off. Throws `DamagedError`.
 */
export function inflateInto(bytes: Uint8Array, into: Uint8Array): void {
  // Without the flush, zlib refuses a stream without an end.
  const result = oneShot(into.length, (options) =>
    inflateRawSync(bytes, { ...options, finishFlush: constants.Z_SYNC_FLUSH }),
  );
  if (result.length !== into.length) throw wrongLength(result.length, into.length);
  into.set(result);
}
