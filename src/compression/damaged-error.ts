/** Compressed bytes are not as they should be. The message says what is wrong with "it", the piece. */
export class DamagedError extends Error {
  override readonly name = 'DamagedError';
}

/** Returns the error for a piece that gives another number of bytes than it should. */
export function wrongLength(actual: number | string, expected: number): DamagedError {
  return new DamagedError(`it decompresses to ${actual} bytes, not ${expected}`);
}
