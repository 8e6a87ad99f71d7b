import type { Warning } from '../errors.js';
import type { Creation, Disk, Extent, ExtentOptions, FileState, Layer, SourceFile } from '../disk/disk.js';

/** Checks the files of a disk while they are read. `SourceGuard` is one. */
export interface Watch {
  /** The files in the state that all content has to come from, top first. */
  readonly files: readonly SourceFile[];
  /** Checks the times of the files, unless they were checked a moment ago. Throws `source-changed`. */
  checkTimes(): Promise<void>;
}

/** A disk that checks its files after each read, so that a change ends a long scan soon, not only at its end. */
export class WatchedDisk implements Disk {
  readonly #watch: Watch;
  readonly #disk: Disk;

  constructor(watch: Watch, disk: Disk) {
    this.#watch = watch;
    this.#disk = disk;
  }

  get size(): number {
    return this.#disk.size;
  }

  get sectorSize(): number {
    return this.#disk.sectorSize;
  }

  get layers(): readonly Layer[] {
    return this.#disk.layers;
  }

  get id(): string | undefined {
    return this.#disk.id;
  }

  get creation(): Creation {
    return this.#disk.creation;
  }

  get warnings(): readonly Warning[] {
    return this.#disk.warnings;
  }

  /**
   * The files in the state that the content comes from. It may be later than that of the opening; the structures are
   * the same.
   */
  get openedFiles(): readonly SourceFile[] {
    const { files } = this.#watch;
    // The files of an ancestor are the last ones.
    return files.slice(files.length - this.#disk.openedFiles.length);
  }

  async read(offset: number, into: Uint8Array): Promise<void> {
    await this.#disk.read(offset, into);
    await this.#watch.checkTimes();
  }

  extents(options?: ExtentOptions): AsyncIterable<Extent> {
    return this.#disk.extents(options);
  }

  async *extentBatches(options?: ExtentOptions): AsyncGenerator<Iterable<Extent>> {
    for await (const batch of this.#disk.extentBatches(options)) {
      yield batch;
      await this.#watch.checkTimes();
    }
  }

  ancestor(layer: number): Disk {
    return new WatchedDisk(this.#watch, this.#disk.ancestor(layer));
  }

  sourceFiles(): Promise<readonly SourceFile[]> {
    return this.#disk.sourceFiles();
  }

  fileStates(): Promise<readonly FileState[]> {
    return this.#disk.fileStates();
  }

  dropCache(): void {
    this.#disk.dropCache();
  }

  close(): Promise<void> {
    return this.#disk.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
