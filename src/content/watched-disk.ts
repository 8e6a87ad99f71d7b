import type { Disk, Extent, FileState, Layer, SourceFile } from '../disk/disk.js';

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
  /** The number of watched layers above this disk. */
  readonly #above: number;

  constructor(watch: Watch, disk: Disk, above = 0) {
    this.#watch = watch;
    this.#disk = disk;
    this.#above = above;
  }

  get size(): number {
    return this.#disk.size;
  }

  get layers(): readonly Layer[] {
    return this.#disk.layers;
  }

  get id(): string | undefined {
    return this.#disk.id;
  }

  get footer(): Uint8Array {
    return this.#disk.footer;
  }

  get warnings(): readonly string[] {
    return this.#disk.warnings;
  }

  /**
   * The files in the state that the content comes from. It may be later than that of the opening; the structures are
   * the same.
   */
  get openedFiles(): readonly SourceFile[] {
    return this.#watch.files.slice(this.#above);
  }

  async read(offset: number, into: Uint8Array): Promise<void> {
    await this.#disk.read(offset, into);
    await this.#watch.checkTimes();
  }

  extents(options?: { readonly above?: number }): AsyncIterable<Extent> {
    return this.#disk.extents(options);
  }

  async *stretches(options?: { readonly above?: number }): AsyncGenerator<Iterable<Extent>> {
    for await (const stretch of this.#disk.stretches(options)) {
      yield stretch;
      await this.#watch.checkTimes();
    }
  }

  ancestor(layer: number): Disk {
    return new WatchedDisk(this.#watch, this.#disk.ancestor(layer), this.#above + layer);
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
