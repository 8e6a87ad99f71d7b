import { createHash } from 'node:crypto';
import { createMD5 } from 'hash-wasm';
import pureMd5 from 'md5';

/** An MD5 that is being computed. */
export interface Hasher {
  /** Adds bytes, in order. */
  update(bytes: Uint8Array): unknown;
  /** Returns 16 bytes. */
  digest(): Buffer;
}

/**
 * False if the platform's OpenSSL forbids MD5, as in FIPS mode. MD5 protects nothing here: it is the service's
 * checksum.
 */
const nativeIsAllowed = (() => {
  try {
    createHash('md5');
    return true;
  } catch {
    return false;
  }
})();

/** Returns the MD5 of a buffer, 16 bytes. */
export function md5(bytes: Uint8Array): Buffer {
  return nativeIsAllowed ? createHash('md5').update(bytes).digest() : Buffer.from(pureMd5(bytes), 'hex');
}

/**
 * Starts the MD5 of a stream, 16 bytes. If the native one is forbidden, a WebAssembly one is used, since the pure
 * JavaScript one takes no stream.
 */
export async function startMd5(): Promise<Hasher> {
  if (nativeIsAllowed) return createHash('md5');
  const hasher = await createMD5();
  return { update: (bytes) => hasher.update(bytes), digest: () => Buffer.from(hasher.digest('binary')) };
}
