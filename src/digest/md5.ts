import { createHash } from 'node:crypto';
import { createMD5 } from 'hash-wasm';
import pureMd5 from 'md5';

/** A digest under way. */
export interface RunningDigest {
  update(bytes: Uint8Array): unknown;
  digest(): Buffer;
}

/** False where the platform's OpenSSL forbids MD5, as in FIPS mode. MD5 is no protection here, only the service's checksum. */
const nativeIsAllowed = (() => {
  try {
    createHash('md5');
    return true;
  } catch {
    return false;
  }
})();

/** MD5 of a buffer, 16 bytes. */
export function md5(bytes: Uint8Array): Buffer {
  return nativeIsAllowed ? createHash('md5').update(bytes).digest() : Buffer.from(pureMd5(bytes), 'hex');
}

/**
 * Begins the MD5 of a stream, 16 bytes. Where the native one is forbidden a WebAssembly one serves: the pure one cannot
 * take a stream.
 */
export async function startMd5(): Promise<RunningDigest> {
  if (nativeIsAllowed) return createHash('md5');
  const hasher = await createMD5();
  return { update: (bytes) => hasher.update(bytes), digest: () => Buffer.from(hasher.digest('binary')) };
}
