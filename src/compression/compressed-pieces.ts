/** Raw deflate (RFC 1951), or Zstandard (RFC 8878). */
export type CompressionMethod = 'deflate' | 'zstd';

/** Pieces that decompress to the same length each, such as clusters of a QCOW2 image. */
export interface CompressedPieces {
  readonly method: CompressionMethod;
  /** Compressed bytes, as they are in the file. */
  readonly bytes: Uint8Array;
  /** Where each piece is within `bytes`. Pieces may overlap, and anything may follow within a piece. */
  readonly pieces: readonly { readonly start: number; readonly end: number }[];
  /** The number of bytes that each piece decompresses to, at least 1. */
  readonly pieceLength: number;
  /** Receives the decompressed pieces, one after the other: `pieces.length * pieceLength` bytes. */
  readonly into: Uint8Array;
}

/** A piece does not decompress to its length. The message says why, as the end of a sentence. */
export class DecompressionError extends Error {
  override readonly name = 'DecompressionError';
  /** The index of the piece. */
  readonly index: number;

  constructor(index: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.index = index;
  }
}
