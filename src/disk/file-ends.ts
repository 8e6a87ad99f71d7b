import type { SourceHandle } from './file.js';

/** Enough for every magic number that is probed for: that of btrfs is the last one, at 64 KiB and 64 bytes. */
const HEAD_BYTES = 68 * 1024;
const TAIL_BYTES = 512;

/** The two ends of a file: what its format is recognised by. */
export interface FileEnds {
  readonly path: string;
  /** Size of the file in bytes. */
  readonly size: number;
  /** The first 68 KiB, or all of a smaller file. */
  readonly head: Uint8Array;
  /** The last 512 bytes, or all of a smaller file. */
  readonly tail: Uint8Array;
}

/** Reads the ends of a file. Throws `disk-unreadable`. */
export async function readEnds(file: SourceHandle): Promise<FileEnds> {
  const { path, size } = file;
  const head = new Uint8Array(Math.min(size, HEAD_BYTES));
  const tail = new Uint8Array(Math.min(size, TAIL_BYTES));
  await file.read(0, head);
  await file.read(size - tail.length, tail);
  return { path, size, head, tail };
}
