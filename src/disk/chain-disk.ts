import type { Disk, Extent, Layer, SourceFile } from './disk.js';
import type { Image } from './image.js';

/** How much of the disk is asked for its segments at a time, in bytes. */
const WINDOW = 64 * 1024 * 1024;

export async function closeAll(images: readonly Image[]): Promise<void> {
  await Promise.all(images.map((image) => image.close()));
}

/** A chain of images as one disk. Every sector is resolved on its own, through all layers. */
export class ChainDisk implements Disk {
  readonly size: number;
  readonly layers: readonly Layer[];
  readonly id: string | undefined;
  readonly footer: Uint8Array;
  readonly warnings: readonly string[];
  readonly #images: readonly Image[];

  constructor(images: readonly Image[], warnings: readonly string[]) {
    const [top] = images;
    if (!top) throw new RangeError('a chain has at least one image');
    this.#images = images;
    this.layers = images.map(({ layer }) => layer);
    this.size = top.layer.size;
    this.id = top.layer.id;
    this.footer = top.footer;
    this.warnings = warnings;
  }

  async read(offset: number, into: Uint8Array): Promise<void> {
    if (offset < 0 || offset + into.length > this.size) throw new RangeError(`[${offset}, ${offset + into.length}) is not within the disk's ${this.size} bytes`);
    await this.#read(0, offset, into);
  }

  async *extents({ above = this.#images.length }: { readonly above?: number } = {}): AsyncGenerator<Extent> {
    let last: Extent | undefined;
    for (let offset = 0; offset < this.size; offset += WINDOW) {
      for (const extent of await this.#resolve(0, above, offset, Math.min(WINDOW, this.size - offset))) {
        if (last?.kind === extent.kind && last.layer === extent.layer) {
          last = { ...last, length: last.length + extent.length };
        } else {
          if (last) yield last;
          last = extent;
        }
      }
    }
    if (last) yield last;
  }

  ancestor(layer: number): Disk {
    return new ChainDisk(this.#images.slice(layer), this.warnings);
  }

  get openedFiles(): readonly SourceFile[] {
    return this.#images.map(({ openedFile }) => openedFile);
  }

  sourceFiles(): Promise<readonly SourceFile[]> {
    return Promise.all(this.#images.map((image) => image.sourceFile()));
  }

  close(): Promise<void> {
    return closeAll(this.#images);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Fills `into` as the chain from `layer` downwards has it; beyond the end of a layer all is zero. */
  async #read(layer: number, offset: number, into: Uint8Array): Promise<void> {
    const image = this.#images[layer];
    const inside = image ? Math.max(0, Math.min(into.length, image.layer.size - offset)) : 0;
    into.fill(0, inside);
    if (!image || inside === 0) return;
    for (const segment of await image.segments(offset, inside)) {
      const part = into.subarray(segment.offset - offset, segment.offset - offset + segment.length);
      if (segment.kind === 'data') await image.readAt(segment.position, part);
      else if (segment.kind === 'zero') part.fill(0);
      else await this.#read(layer + 1, segment.offset, part);
    }
  }

  /** The extents of a stretch as the layers `[layer, above)` have it. */
  async #resolve(layer: number, above: number, offset: number, length: number): Promise<Extent[]> {
    const image = this.#images[layer];
    if (layer >= above) return [{ offset, length, kind: 'absent', layer }];
    const inside = image ? Math.max(0, Math.min(length, image.layer.size - offset)) : 0;
    const extents: Extent[] = [];
    if (image && inside > 0) {
      for (const segment of await image.segments(offset, inside)) {
        if (segment.kind === 'absent') {
          for (const extent of await this.#resolve(layer + 1, above, segment.offset, segment.length)) extents.push(extent);
        } else extents.push({ offset: segment.offset, length: segment.length, kind: segment.kind, layer });
      }
    }
    if (inside < length) extents.push({ offset: offset + inside, length: length - inside, kind: 'zero', layer: Math.min(layer, this.#images.length - 1) });
    return extents;
  }
}
