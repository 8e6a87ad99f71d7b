import { createHash } from 'node:crypto';
import type { IHasher } from 'hash-wasm';
import { messageOf, VhdupError } from '../errors.js';
import { option } from '../option-names.js';

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

/** The replacement for the native MD5 of a buffer. It is loaded at the first use: nearly no platform needs it. */
let replacement: Promise<(bytes: Uint8Array) => Buffer> | undefined;

/** Returns the MD5 of a buffer, 16 bytes. */
export async function md5(bytes: Uint8Array): Promise<Buffer> {
  if (nativeIsAllowed) return createHash('md5').update(bytes).digest();
  replacement ??= loadReplacement();
  return (await replacement)(bytes);
}

/** WebAssembly is ten times as fast as pure JavaScript, but a policy may forbid it. */
async function loadReplacement(): Promise<(bytes: Uint8Array) => Buffer> {
  const hasher = await wasmMd5().catch(() => undefined);
  if (hasher) return (bytes) => Buffer.from(hasher.init().update(bytes).digest('binary'));
  const { default: pureMd5 } = await import('md5');
  return (bytes) => Buffer.from(pureMd5(bytes), 'hex');
}

async function wasmMd5(): Promise<IHasher> {
  const { createMD5 } = await import('hash-wasm');
  return createMD5();
}

/**
 * Starts the MD5 of a stream, 16 bytes. If the native one is forbidden, a WebAssembly one is used, since the pure
 * JavaScript one takes no stream. Throws if there is neither.
 */
export async function startMd5(): Promise<Hasher> {
  if (nativeIsAllowed) return createHash('md5');
  try {
    const hasher = await wasmMd5();
    return { update: (bytes) => hasher.update(bytes), digest: () => Buffer.from(hasher.digest('binary')) };
  } catch (error) {
    throw new VhdupError('unexpected', `the MD5 of a disk cannot be computed: ${messageOf(error)}`, {
      cause: error,
      hint: `the platform forbids MD5, and WebAssembly does not work; leave out Content-MD5 with ${option('contentMd5', 'never')}`,
    });
  }
}
