import { promisify } from 'node:util';
import zlib from 'node:zlib';

/** How the units of a vault are compressed. */
export const CODECS = ['raw', 'brotli', 'zstd'] as const;
export type Codec = (typeof CODECS)[number];

/** The first byte of a unit. */
const NUMBERS: Readonly<Record<Codec, number>> = { raw: 0, brotli: 2, zstd: 3 };
/** Small units gain nothing from a larger window, and a large one is slower. */
const BROTLI = {
  params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 1, [zlib.constants.BROTLI_PARAM_LGWIN]: 16 },
};

type Compress = (bytes: Uint8Array) => Promise<Buffer>;
type Decompress = (bytes: Uint8Array, maxLength: number) => Promise<Buffer>;

const brotliCompress = promisify<Uint8Array, zlib.BrotliOptions, Buffer>(zlib.brotliCompress);
const brotliDecompress = promisify<Uint8Array, zlib.BrotliOptions, Buffer>(zlib.brotliDecompress);

/** A unit cannot be read: it is damaged, or needs another version of this program or of Node. */
export class BadUnit extends RangeError {
  override readonly name = 'BadUnit';
}

/** Returns true if this Node has what a codec needs. */
export function canUse(codec: Codec): boolean {
  return codec !== 'zstd' || zstd() !== undefined;
}

/** Returns the stored form of bytes (docs/VAULT.md, "Unit"): they stay as they are if compression does not make them smaller. */
export async function encodeUnit(codec: Codec, bytes: Uint8Array): Promise<Buffer> {
  const compress: Compress | undefined =
    codec === 'raw' ? undefined : codec === 'brotli' ? (plain) => brotliCompress(plain, BROTLI) : zstd()?.compress;
  if (codec === 'zstd' && !compress) throw new BadUnit('zstd needs Node 22.15 or later');
  const payload = await compress?.(bytes);
  return payload && payload.length < bytes.length
    ? Buffer.concat([Uint8Array.of(NUMBERS[codec]), payload])
    : Buffer.concat([Uint8Array.of(NUMBERS.raw), bytes]);
}

/** Returns the bytes of a unit. Throws `BadUnit` if it is damaged, or has more than `maxLength` bytes, before it allocates them. */
export async function decodeUnit(unit: Uint8Array, maxLength: number): Promise<Buffer> {
  const codec = CODECS.find((name) => NUMBERS[name] === unit[0]);
  const payload = unit.subarray(1);
  if (codec === undefined) throw new BadUnit(`its codec ${unit[0] ?? 'none'} is not known`);
  if (codec === 'raw') {
    if (payload.length > maxLength) throw new BadUnit(`it has ${payload.length} bytes, and ${maxLength} are allowed`);
    return Buffer.from(payload.buffer, payload.byteOffset, payload.length);
  }
  const decompress: Decompress | undefined =
    codec === 'brotli' ? (bytes, maxOutputLength) => brotliDecompress(bytes, { maxOutputLength }) : zstd()?.decompress;
  if (!decompress) throw new BadUnit('zstd needs Node 22.15 or later');
  try {
    // A limit of 0 would be none.
    return await decompress(payload, Math.max(1, maxLength));
  } catch (error) {
    throw new BadUnit(`it cannot be decompressed: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}

interface Zstd {
  readonly compress: Compress;
  readonly decompress: Decompress;
}

/** Returns what newer versions of Node have. */
function zstd(): Zstd | undefined {
  const { zstdCompress, zstdDecompress } = zlib as Partial<
    Record<'zstdCompress' | 'zstdDecompress', typeof zlib.brotliCompress>
  >;
  if (!zstdCompress || !zstdDecompress) return undefined;
  const compress = promisify<Uint8Array, zlib.BrotliOptions, Buffer>(zstdCompress);
  const decompress = promisify<Uint8Array, zlib.BrotliOptions, Buffer>(zstdDecompress);
  return {
    compress: (bytes) => compress(bytes, {}),
    decompress: (bytes, maxOutputLength) => decompress(bytes, { maxOutputLength }),
  };
}
