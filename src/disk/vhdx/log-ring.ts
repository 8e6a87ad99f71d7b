import type { SourceHandle } from '../file.js';
import { LOG_SECTOR, MIB } from './layout.js';

/** The log's part of a file: a ring of sectors of 4 KiB ([MS-VHDX] 2.3). */
export class LogRing {
  /** Bytes. */
  readonly length: number;
  readonly #file: SourceHandle;
  readonly #offset: number;

  /** `offset`: of the log in the file, in bytes, as is its length. */
  constructor(file: SourceHandle, offset: number, length: number) {
    this.#file = file;
    this.#offset = offset;
    this.length = length;
  }

  /** Returns the offset in the file of a position in the log. */
  fileOffset(position: number): number {
    return this.#offset + position;
  }

  /**
   * Reads `length` bytes from `position` on, round the end of the log, and calls `visit` for each sector of 4 KiB. The sector's memory
   * is used again. Throws `disk-unreadable`.
   */
  async forEachSector(position: number, length: number, visit: (sector: Buffer, index: number) => void): Promise<void> {
    const memory = Buffer.alloc(Math.min(length, MIB));
    let done = 0;
    while (done < length) {
      const at = (position + done) % this.length;
      const piece = memory.subarray(0, Math.min(memory.length, length - done, this.length - at));
      await this.#file.read(this.#offset + at, piece);
      for (let within = 0; within < piece.length; within += LOG_SECTOR)
        visit(piece.subarray(within, within + LOG_SECTOR), (done + within) / LOG_SECTOR);
      done += piece.length;
    }
  }
}
