import { DecompressionError, type CompressedPieces } from './compressed-pieces.js';
import { DamagedError } from './damaged-error.js';
import { inflateInto } from './inflate.js';
import { unzstdInto } from './zstd.js';
import { zstdDecoder } from './zstd-decoder.js';

/** Decompresses pieces in this thread, in their order. Throws `DecompressionError` for the first that is damaged. */
export async function decompressPieces({ method, bytes, pieces, pieceLength, into }: CompressedPieces): Promise<void> {
  const decode = method === 'zstd' ? await zstdDecoder() : undefined;
  for (const [index, { start, end }] of pieces.entries()) {
    const piece = bytes.subarray(start, end);
    const target = into.subarray(index * pieceLength, (index + 1) * pieceLength);
    try {
      if (decode) unzstdInto(piece, target, decode);
      else inflateInto(piece, target);
    } catch (error) {
      throw error instanceof DamagedError ? new DecompressionError(index, error.message, { cause: error }) : error;
    }
  }
}
