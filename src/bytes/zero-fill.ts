const ZEROS = new Uint8Array(1024 * 1024);

/** Makes all of `bytes` zero. In memory that threads share `fill` goes byte by byte, and takes ten times as long as a copy. */
export function zeroFill(bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; at += ZEROS.length)
    bytes.set(ZEROS.subarray(0, Math.min(ZEROS.length, bytes.length - at)), at);
}
