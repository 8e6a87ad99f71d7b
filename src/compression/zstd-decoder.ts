import zlib from 'node:zlib';
import { DamagedError } from './damaged-error.js';
import { oneShot, type OneShotOptions } from './one-shot.js';

/**
 * Decompresses exactly one frame, whose structure was checked, to at most `maxLength` bytes, at least 1. Verifies the
 * checksum if there is one. Throws `DamagedError`.
 */
export type ZstdDecoder = (frame: Uint8Array, maxLength: number) => Uint8Array;

interface NativeZstd {
  zstdDecompressSync(bytes: Uint8Array, options: OneShotOptions): Uint8Array;
}

let decoder: Promise<ZstdDecoder> | undefined;

/** Returns the decoder of the platform; without one (Node before 22.15), WebAssembly. */
export function zstdDecoder(): Promise<ZstdDecoder> {
  decoder ??= Promise.resolve(nativeZstdDecoder() ?? wasmZstdDecoder());
  return decoder;
}

/** Returns the decoder of the platform; `undefined` if there is none. */
export function nativeZstdDecoder(): ZstdDecoder | undefined {
  const native: object = zlib;
  if (!hasZstd(native)) return undefined;
  return (frame, maxLength) => oneShot(maxLength, (options) => native.zstdDecompressSync(frame, options));
}

function hasZstd(module: object): module is NativeZstd {
  return 'zstdDecompressSync' in module && typeof module.zstdDecompressSync === 'function';
}

/** Returns a decoder in WebAssembly, about half as fast. Its memory is as large as the largest frame and its content. */
export async function wasmZstdDecoder(): Promise<ZstdDecoder> {
  const { ZSTDDecoder } = await import('zstddec');
  const wasm = new ZSTDDecoder();
  await wasm.init();
  return (frame, maxLength) => {
    const content = wasm.decode(frame, maxLength);
    // The decoder says no more than that: it returns nothing after any error.
    if (content.length === 0)
      throw new DamagedError(`a zstd frame of it is damaged, or decompresses to more than ${maxLength} bytes`);
    return content;
  };
}
