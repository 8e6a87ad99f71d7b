import { DamagedError } from './damaged-error.js';

/** RFC 8878 3.1.1 */
const MAGIC = 0xfd2fb528;
/** RFC 8878 3.1.2: the last 4 bits may be anything. */
const SKIPPABLE_MAGIC = 0x184d2a50;
const SKIPPABLE_HEADER = 8;
/** RFC 8878 3.1.1.2.4 */
const MAX_BLOCK = 128 * 1024;
const BLOCK_HEADER = 3;
const CHECKSUM = 4;
/** The largest window that common decoders accept by default, in bytes. */
const MAX_WINDOW = 128 * 1024 * 1024;
/** Bytes of the fields by the value of their flag. RFC 8878 3.1.1.1.1 */
const DICTIONARY_BYTES = [0, 1, 2, 4] as const;
const CONTENT_SIZE_BYTES = [0, 2, 4, 8] as const;

/** Types of blocks; 0 is a raw block. RFC 8878 3.1.1.2.2 */
const RLE = 1;
const COMPRESSED = 2;
const RESERVED = 3;

/** A frame of Zstandard (RFC 8878 3.1.1), or a skippable one. */
export interface ZstdFrame {
  /** The end within the bytes. */
  readonly end: number;
  /** The number of bytes that it decompresses to; `undefined` if only decompressing it shows that. 0 for a skippable frame. */
  readonly contentLength: number | undefined;
}

interface Header {
  readonly end: number;
  readonly contentSize: number | undefined;
  readonly maxBlock: number;
  readonly hasChecksum: boolean;
}

/**
 * Returns the frame at `start`, found by its structure, without decompressing anything. Returns `undefined` if no frame
 * begins there. Throws `DamagedError` for a frame that is cut off, breaks the rules, or needs a dictionary or a window
 * above 128 MiB.
 */
export function zstdFrameAt(bytes: Uint8Array, start: number): ZstdFrame | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (start + 4 > bytes.length) return undefined;
  const magic = view.getUint32(start, true);
  if (magic >>> 4 === SKIPPABLE_MAGIC >>> 4) {
    const length = number(view, start + 4, 4);
    return { end: within(view, start + SKIPPABLE_HEADER, length), contentLength: 0 };
  }
  return magic === MAGIC ? frame(view, start + 4) : undefined;
}

function frame(view: DataView, start: number): ZstdFrame {
  const header = readHeader(view, start);
  let plainLength: number | undefined = 0;
  let at = header.end;
  for (let isLast = false; !isLast;) {
    // RFC 8878 3.1.1.2
    const fields = number(view, at, BLOCK_HEADER);
    at += BLOCK_HEADER;
    isLast = (fields & 1) === 1;
    const type = (fields >>> 1) & 3;
    const size = fields >>> 3;
    if (type === RESERVED) throw new DamagedError('a zstd block of it has a reserved type');
    if (size > header.maxBlock) throw new DamagedError(`a zstd block of it has ${size} bytes, too many`);
    plainLength = type === COMPRESSED || plainLength === undefined ? undefined : plainLength + size;
    at = within(view, at, type === RLE ? 1 : size);
  }
  if (header.contentSize !== undefined && plainLength !== undefined && header.contentSize !== plainLength)
    throw new DamagedError(`a zstd frame of it has ${plainLength} bytes, not ${header.contentSize} as it says`);
  return {
    end: within(view, at, header.hasChecksum ? CHECKSUM : 0),
    contentLength: header.contentSize ?? plainLength,
  };
}

/** Reads the frame header, which follows the magic number. RFC 8878 3.1.1.1 */
function readHeader(view: DataView, start: number): Header {
  const descriptor = number(view, start, 1);
  const isSingleSegment = (descriptor & 0x20) !== 0;
  if ((descriptor & 0x08) !== 0) throw new DamagedError('a zstd frame of it has a reserved bit set');
  const windowAt = start + 1;
  const dictionaryAt = windowAt + (isSingleSegment ? 0 : 1);
  const dictionaryBytes = DICTIONARY_BYTES[descriptor & 3] ?? 0;
  const contentSizeAt = dictionaryAt + dictionaryBytes;
  const contentSizeFlag = descriptor >>> 6;
  const contentSizeBytes = contentSizeFlag === 0 && isSingleSegment ? 1 : (CONTENT_SIZE_BYTES[contentSizeFlag] ?? 0);
  const dictionary = number(view, dictionaryAt, dictionaryBytes);
  if (dictionary !== 0) throw new DamagedError(`it needs the zstd dictionary ${dictionary}`);
  const stored = number(view, contentSizeAt, contentSizeBytes);
  const contentSize = contentSizeBytes === 2 ? stored + 256 : stored;
  const window = isSingleSegment ? contentSize : windowSize(number(view, windowAt, 1));
  if (window > MAX_WINDOW) throw new DamagedError(`it needs a zstd window of ${window} bytes, more than ${MAX_WINDOW}`);
  return {
    end: contentSizeAt + contentSizeBytes,
    contentSize: contentSizeBytes === 0 ? undefined : contentSize,
    maxBlock: Math.min(window, MAX_BLOCK),
    hasChecksum: (descriptor & 0x04) !== 0,
  };
}

/** RFC 8878 3.1.1.1.2 */
function windowSize(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >>> 3));
  return base + (base / 8) * (descriptor & 7);
}

/** Returns a little-endian number of up to 8 bytes; above 2^53 it is not exact. */
function number(view: DataView, at: number, width: number): number {
  within(view, at, width);
  let value = 0;
  for (let index = width - 1; index >= 0; index--) value = value * 256 + view.getUint8(at + index);
  return value;
}

/** Returns the end of a field. Throws if it is behind the end of the bytes. */
function within(view: DataView, at: number, length: number): number {
  if (at + length > view.byteLength) throw new DamagedError('it ends within a zstd frame');
  return at + length;
}
