// Frames of Zstandard made by hand (RFC 8878 3.1.1), and some made by zstd 1.5.4. Shares no code with src.
import { createXXHash64 } from 'hash-wasm';

/** A block of a frame. */
export type Block = { readonly raw: Uint8Array } | { readonly rle: number; readonly length: number };

/** What a hand-made frame says of itself, right or wrong. */
export interface FrameOptions {
  /** Default: none. */
  readonly contentSize?: number;
  /** Byte of the window descriptor. Default: 64 KiB; `undefined` makes a single segment, which needs `contentSize`. */
  readonly window?: number | undefined;
  readonly dictionary?: number;
  readonly checksum?: number | 'right';
  /** More bits of the frame header descriptor. */
  readonly bits?: number;
}

/** Window descriptors: the exponent in 5 bits, the mantissa in 3. */
export const WINDOW = { KIB_64: 6 << 3, MIB_128: 17 << 3, ABOVE_MIB_128: (17 << 3) + 1, TIB: 31 << 3 };

function little(value: number, width: number): Buffer {
  const bytes = Buffer.alloc(width);
  for (let at = 0, left = value; at < width; at++, left = Math.floor(left / 256)) bytes[at] = left % 256;
  return bytes;
}

/** The bytes of blocks, decompressed. */
export function contentOf(blocks: readonly Block[]): Buffer {
  return Buffer.concat(blocks.map((block) => ('raw' in block ? block.raw : Buffer.alloc(block.length, block.rle))));
}

/** Returns a frame of raw and RLE blocks. */
export async function frame(blocks: readonly Block[], options: FrameOptions = {}): Promise<Buffer> {
  const { contentSize, dictionary, checksum, bits = 0 } = options;
  const isSingle = 'window' in options && options.window === undefined;
  const sizeBytes = contentSize === undefined ? 0 : isSingle && contentSize < 256 ? 1 : contentSize < 256 ? 4 : 8;
  const sizeFlag = sizeBytes === 8 ? 3 : sizeBytes === 4 ? 2 : 0;
  const descriptor =
    (sizeFlag << 6) |
    (isSingle ? 0x20 : 0) |
    (checksum === undefined ? 0 : 4) |
    (dictionary === undefined ? 0 : 3) |
    bits;
  const parts = [little(0xfd2fb528, 4), little(descriptor, 1)];
  if (!isSingle) parts.push(little(options.window ?? WINDOW.KIB_64, 1));
  if (dictionary !== undefined) parts.push(little(dictionary, 4));
  if (contentSize !== undefined) parts.push(little(contentSize, sizeBytes));
  for (const [index, block] of blocks.entries()) {
    const isLast = index === blocks.length - 1 ? 1 : 0;
    const isRle = 'rle' in block;
    parts.push(little((((isRle ? block.length : block.raw.length) << 3) | (isRle ? 2 : 0) | isLast) >>> 0, 3));
    parts.push(isRle ? little(block.rle, 1) : Buffer.from(block.raw));
  }
  if (checksum === 'right') {
    const hash = await createXXHash64();
    parts.push(
      Buffer.from(hash.init().update(contentOf(blocks)).digest('binary'))
        .subarray(4)
        .reverse(),
    );
  } else if (checksum !== undefined) parts.push(little(checksum, 4));
  return Buffer.concat(parts);
}

/** Returns a skippable frame. RFC 8878 3.1.2 */
export function skippable(length: number, declared = length, variant = 0): Buffer {
  return Buffer.concat([little(0x184d2a50 + variant, 4), little(declared, 4), Buffer.alloc(length, 0xee)]);
}

/** The content of `COMPRESSED`: 64 KiB of text. */
export const TEXT = Buffer.from(
  Array.from({ length: 4096 }, (_, index) => `line ${(index * index) % 97} of a disk;`).join(''),
).subarray(0, 65_536);

/** Frames with compressed blocks, made with `zstd -19` and the options of the name. */
export const COMPRESSED = {
  check: Buffer.from(
    'KLUv/WQA/7UFALKLGxKwGRt4EYFGH1aryE07U3RhzCrkPFm9aZ+wrnNdUeuWLXBFtadNWTsBQ/sVoq0qcU6DP7r6pmGO9ezyDJtHqqLnRyIrPbHKhnhlR8CcNaX9rBUB11rOp1N3dpXQT79WpzQFx2IMI0yhDDBEYiABX6ghMPz6HXArSdIYEkgQOEFg9Pk/uf8dOnljW8CK+CtXKwqYF+8DYhgftOL690JAogmqUD6R/nNaCyra+pYzs8MSwFYBG0xCng==',
    'base64',
  ),
  noCheck: Buffer.from(
    'KLUv/WAA/7UFALKLGxKwGRt4EYFGH1aryE07U3RhzCrkPFm9aZ+wrnNdUeuWLXBFtadNWTsBQ/sVoq0qcU6DP7r6pmGO9ezyDJtHqqLnRyIrPbHKhnhlR8CcNaX9rBUB11rOp1N3dpXQT79WpzQFx2IMI0yhDDBEYiABX6ghMPz6HXArSdIYEkgQOEFg9Pk/uf8dOnljW8CK+CtXKwqYF+8DYhgftOL690JAogmqUD6R/nNaCyra+pYzs8MSwFYB',
    'base64',
  ),
  checkNoSize: Buffer.from(
    'KLUv/QQwtQUAsosbErAZG3gRgUYfVqvITTtTdGHMKuQ8Wb1pn7Cuc11R65YtcEW1p01ZOwFD+xWirSpxToM/uvqmYY717PIMm0eqoudHIis9scqGeGVHwJw1pf2sFQHXWs6nU3d2ldBPv1anNAXHYgwjTKEMMERiIAFfqCEw/PodcCtJ0hgSSBA4QWD0+T+5/x06eWNbwIr4K1crCpgX7wNiGB+04vr3QkCiCapQPpH+c1oLKtr6ljOzwxLAVgEbTEKe',
    'base64',
  ),
  noSize: Buffer.from(
    'KLUv/QAwtQUAsosbErAZG3gRgUYfVqvITTtTdGHMKuQ8Wb1pn7Cuc11R65YtcEW1p01ZOwFD+xWirSpxToM/uvqmYY717PIMm0eqoudHIis9scqGeGVHwJw1pf2sFQHXWs6nU3d2ldBPv1anNAXHYgwjTKEMMERiIAFfqCEw/PodcCtJ0hgSSBA4QWD0+T+5/x06eWNbwIr4K1crCpgX7wNiGB+04vr3QkCiCapQPpH+c1oLKtr6ljOzwxLAVgE=',
    'base64',
  ),
} as const;
