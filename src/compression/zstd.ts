import { DamagedError, wrongLength } from './damaged-error.js';
import type { ZstdDecoder } from './zstd-decoder.js';
import { zstdFrameAt } from './zstd-frame.js';

/** A limit for the time that frames with few bytes take. Writers make one frame, or a few. */
const MAX_FRAMES = 1024;

/**
 * Decompresses frames of Zstandard (RFC 8878) into `into`, which they must fill exactly. Skippable frames are skipped,
 * and what follows the last frame that is needed is ignored. Throws `DamagedError`.
 */
export function unzstdInto(bytes: Uint8Array, into: Uint8Array, decode: ZstdDecoder): void {
  let filled = 0;
  let start = 0;
  for (let count = 0; filled < into.length; count++) {
    const frame = zstdFrameAt(bytes, start);
    if (!frame && count === 0) throw new DamagedError('it does not begin with a zstd frame');
    if (!frame) throw wrongLength(filled, into.length);
    if (count === MAX_FRAMES) throw new DamagedError(`it has more than ${MAX_FRAMES} zstd frames`);
    if (frame.contentLength !== 0) {
      const content = contentOf(bytes.subarray(start, frame.end), frame.contentLength, {
        maxLength: into.length - filled,
        decode,
      });
      into.set(content, filled);
      filled += content.length;
    }
    start = frame.end;
  }
}

interface Limits {
  readonly maxLength: number;
  readonly decode: ZstdDecoder;
}

function contentOf(frame: Uint8Array, length: number | undefined, { maxLength, decode }: Limits): Uint8Array {
  if (length !== undefined && length > maxLength)
    throw new DamagedError(`a zstd frame of it decompresses to ${length} bytes, more than the ${maxLength} expected`);
  const content = decode(frame, length ?? maxLength);
  if (length !== undefined && content.length !== length)
    throw new DamagedError(`a zstd frame of it decompresses to ${content.length} bytes, not ${length} as it says`);
  return content;
}
