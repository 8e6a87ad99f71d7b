import type { DiskWriter, Part } from './disk-writer.js';
import type { OutputFile } from './output-file.js';

/** Writes a disk byte for byte, with a footer after it or without: a fixed VHD or a raw image. */
export class FlatWriter implements DiskWriter {
  /** Size of the whole file in bytes. */
  readonly end: number;
  readonly #file: OutputFile;
  readonly #size: number;
  readonly #footer: Uint8Array;

  private constructor(file: OutputFile, size: number, footer: Uint8Array) {
    this.#file = file;
    this.#size = size;
    this.#footer = footer;
    this.end = size + footer.length;
  }

  /** Begins in an empty file, which gets its whole size at once, as one hole. */
  static async create(file: OutputFile, size: number, footer: Uint8Array): Promise<FlatWriter> {
    const writer = new FlatWriter(file, size, footer);
    await file.truncate(writer.end);
    return writer;
  }

  /** Continues a file that another writer for the same disk has begun. Everything from offset `kept` on becomes one hole. */
  static async resume(file: OutputFile, size: number, footer: Uint8Array, kept: number): Promise<FlatWriter> {
    const writer = new FlatWriter(file, size, footer);
    if (kept < writer.end) {
      await file.truncate(kept);
      await file.truncate(writer.end);
    }
    return writer;
  }

  async put(offset: number, piece: Uint8Array, parts: readonly Part[]): Promise<void> {
    for (const part of parts)
      await this.#file.write(offset + part.offset, piece.subarray(part.offset, part.offset + part.length));
  }

  sync(): Promise<void> {
    return this.#file.sync();
  }

  async finish(): Promise<void> {
    await this.#file.sync();
    await this.#file.write(this.#size, this.#footer);
    await this.#file.sync();
  }
}
