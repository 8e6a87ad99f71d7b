import { createHash } from 'node:crypto';
import { createMD5 } from 'hash-wasm';
import pureMd5 from 'md5';

/** A digest under way. */
interface RunningDigest {
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
 * MD5 of a stream of pieces, 16 bytes; `progress` gets the bytes done so far, now and then.
 * Where the native one is forbidden a WebAssembly one serves: the pure one cannot take a stream.
 */
export async function md5OfStream(pieces: AsyncIterable<Uint8Array>, progress: (done: number) => void = () => undefined): Promise<Buffer> {
  const running = nativeIsAllowed ? createHash('md5') : await wasmMd5();
  let done = 0;
  for await (const piece of pieces) {
    running.update(piece);
    done += piece.length;
    progress(done);
  }
  return running.digest();
}

async function wasmMd5(): Promise<RunningDigest> {
  const hasher = await createMD5();
  return { update: (bytes) => hasher.update(bytes), digest: () => Buffer.from(hasher.digest('binary')) };
}
