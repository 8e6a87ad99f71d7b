/** A stretch of a piece, in bytes from its start. */
export interface Part {
  readonly offset: number;
  readonly length: number;
}

/** Every piece passed to a writer begins at a multiple of this, and has a multiple of it in bytes, except for the last piece of the disk. */
export const PIECE_ALIGNMENT = 2 * 1024 * 1024;

/** Writes the image of a disk to a file, in an order of the caller's choice and in several runs. */
export interface DiskWriter {
  /**
   * Stores `parts` (whole sectors) of the piece that begins at `offset` of the disk. Parts that are not stored read as zeros, or
   * as in the parent. Calls for different pieces may run at the same time; a piece may be put again.
   */
  put(offset: number, piece: Uint8Array, parts: readonly Part[]): Promise<void>;
  /** End of the file's data, in bytes. With it, and the file as it was at the next `sync`, the work can be resumed. */
  readonly end: number;
  /** Resolves when all pieces whose `put` had ended are durable, and can be found again. */
  sync(): Promise<void>;
  /** Adds the structures that make the file an image, the footer at its end last. Resolves when all of them are durable. */
  finish(): Promise<void>;
}
