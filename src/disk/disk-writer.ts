/** A stretch of a piece, in bytes from its start. */
export interface Part {
  readonly offset: number;
  readonly length: number;
}

/** Pieces given to a writer begin at multiples of this, and only the last one of a disk may be shorter than a multiple. */
export const PIECE_ALIGNMENT = 2 * 1024 * 1024;

/** Makes a disk's image in a file, in an order of the caller's choice, so that it can be made in several runs. */
export interface DiskWriter {
  /**
   * Stores `parts` (whole sectors) of the piece that begins at `offset` of the disk; what is not stored reads as zeros, or
   * as the parent has it. Calls may run at the same time for different pieces; a piece may be given again.
   */
  put(offset: number, piece: Uint8Array, parts: readonly Part[]): Promise<void>;
  /** Where the file's data ends: with it and the file as it was at the next `sync`, the work can be resumed. */
  readonly end: number;
  /** Resolves when all pieces whose `put` had ended are durable, with what it takes to find them again. */
  sync(): Promise<void>;
  /** Adds what makes the file an image, the footer at its end last; resolves when all of it is durable. */
  finish(): Promise<void>;
}
