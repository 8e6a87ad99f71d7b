import type { Disk, Extent, FileState, Layer, SourceFile } from '../disk/disk.js';

/** What is asked for the files' times while they are read. A source guard is one. */
export interface Watch {
  /** The files in the state that all content has to come from, top first. */
  readonly files: readonly SourceFile[];
  /** Looks at the files' times, unless that was done a moment ago; throws `source-changed`. */
  glance(): Promise<void>;
}

/** A disk whose files are looked at again while they are read: a change ends a long read soon, and not only behind it. */
export class WatchedDisk implements Disk {
  readonly #watch: Watch;
  readonly #disk: Disk;
  /** How many layers of the watched files are above this disk. */
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

  /** The state that the content comes from: it may be a later one than that of the opening, with the same structures. */
  get openedFiles(): readonly SourceFile[] {
    return this.#watch.files.slice(this.#above);
  }

  async read(offset: number, into: Uint8Array): Promise<void> {
    await this.#disk.read(offset, into);
    await this.#watch.glance();
  }

  extents(options?: { readonly above?: number }): AsyncIterable<Extent> {
    return this.#disk.extents(options);
  }

  async *stretches(options?: { readonly above?: number }): AsyncGenerator<Iterable<Extent>> {
    for await (const stretch of this.#disk.stretches(options)) {
      yield stretch;
      await this.#watch.glance();
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
