import type { Disk, Extent, FileState, Layer, SourceFile } from './disk.js';
import type { Image, View } from './image.js';
import { inFlight } from './in-flight.js';
import { Cursor, resolve, type Resolved } from './resolve.js';
import { zeroFill } from '../bytes/zero-fill.js';

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
    if (offset < 0 || offset + into.length > this.size)
      throw new RangeError(`[${offset}, ${offset + into.length}) is not within the disk's ${this.size} bytes`);
    for await (const parts of this.#resolved(this.#images.length, offset, offset + into.length)) {
      await inFlight(toRead(parts, offset, into), ({ layer, position, part }) =>
        this.#image(layer).readAt(position, part),
      );
    }
  }

  async *extents({ above = this.#images.length }: { readonly above?: number } = {}): AsyncGenerator<Extent> {
    let last: Extent | undefined;
    for await (const parts of this.stretches({ above })) {
      for (const { offset, length, kind, layer } of parts) {
        if (last?.kind === kind && last.layer === layer) {
          last = { offset: last.offset, length: last.length + length, kind, layer };
        } else {
          if (last) yield last;
          last = { offset, length, kind, layer };
        }
      }
    }
    if (last) yield last;
  }

  stretches({ above = this.#images.length }: { readonly above?: number } = {}): AsyncIterable<Iterable<Extent>> {
    return this.#resolved(above, 0, this.size);
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

  fileStates(): Promise<readonly FileState[]> {
    return Promise.all(this.#images.map((image) => image.fileState()));
  }

  dropCache(): void {
    for (const image of this.#images) image.dropCache();
  }

  close(): Promise<void> {
    return closeAll(this.#images);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /**
   * `[offset, end)` as the layers with an index smaller than `above` have it, in stretches. What a layer has loaded serves
   * until its end, whatever the others need, so that nothing is read twice. It loads no further than those above it have:
   * they tell what of it is hidden.
   */
  async *#resolved(above: number, offset: number, end: number): AsyncGenerator<Iterable<Resolved>> {
    const layers = this.#images.slice(0, above);
    const cursors: Cursor[] = [];
    for (let at = offset; at < end;) {
      let to = end;
      for (const [index, image] of layers.entries()) {
        let cursor = cursors[index];
        if (!cursor || cursor.end <= at) {
          cursor = new Cursor(await load(image, at, to, cursors.slice(0, index)));
          cursors[index] = cursor;
        }
        to = Math.min(to, cursor.end);
      }
      yield resolve(cursors, at, to);
      at = to;
    }
  }

  #image(layer: number): Image {
    const image = this.#images[layer];
    if (!image) throw new RangeError(`the chain has no layer ${layer}`);
    return image;
  }
}

/** Loads a stretch of an image below others, which have loaded all of it. Beyond its end an image is zero. */
async function load(image: Image, offset: number, end: number, above: readonly Cursor[]): Promise<View> {
  const { size } = image.layer;
  if (offset >= size) return { end, segmentAt: (at) => ({ offset: at, length: end - at, kind: 'zero', position: 0 }) };
  const cursors = above.map((cursor) => cursor.fork());
  return image.load(offset, Math.min(end, size), (from, to) => {
    for (const cursor of cursors) {
      const { kind, offset: start, length } = cursor.at(from);
      // Below a layer that has something there, others need not have loaded what they have.
      if (kind !== 'absent') return start + length >= to;
    }
    return false;
  });
}

/** Fills with zeros what no file holds, and yields what is to be read. */
function* toRead(
  parts: Iterable<Resolved>,
  offset: number,
  into: Uint8Array,
): Generator<{ readonly layer: number; readonly position: number; readonly part: Uint8Array }> {
  for (const { offset: at, length, kind, layer, position } of parts) {
    const part = into.subarray(at - offset, at - offset + length);
    if (kind === 'data') yield { layer, position, part };
    else zeroFill(part);
  }
}
