import { messageOf } from '../errors.js';
import { DamagedError, wrongLength } from './damaged-error.js';

/** Options of the functions of `node:zlib` that decompress a whole buffer, in bytes. */
export interface OneShotOptions {
  readonly chunkSize: number;
  readonly maxOutputLength: number;
}

/** `node:zlib` takes no smaller chunk. */
const MIN_CHUNK = 64;

/**
 * Runs a function of `node:zlib` that decompresses a whole buffer to at most `maxLength` bytes. Throws `DamagedError`
 * if the function throws, or if there are more.
 */
export function oneShot(maxLength: number, decompress: (options: OneShotOptions) => Uint8Array): Uint8Array {
  try {
    // One chunk holds everything, so that nothing is copied together. A full one would make zlib begin another.
    return decompress({ chunkSize: Math.max(MIN_CHUNK, maxLength + 1), maxOutputLength: maxLength });
  } catch (error) {
    if (error instanceof RangeError && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE')
      throw wrongLength(`more than ${maxLength}`, maxLength);
    throw new DamagedError(`it is damaged: ${messageOf(error)}`, { cause: error });
  }
}
