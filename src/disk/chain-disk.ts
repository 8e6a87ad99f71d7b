import type { Warning } from '../errors.js';
import type { Decompression } from './decompression.js';
import type { Creation, Disk, Extent, ExtentOptions, FileState, Layer, SourceFile } from './disk.js';
import type { AllocationMap, Image } from './image.js';
import { forEachConcurrent } from './for-each-concurrent.js';
import { Cursor, resolve, type Resolved } from './resolve.js';
import { zeroFill } from '../bytes/zero-fill.js';

/** Closes all images. */
export async function closeAll(images: readonly Image[]): Promise<void> {
  await Promise.all(images.map((image) => image.close()));
}

/** A stretch for which all layers have a map. */
interface Batch {
  readonly segments: Iterable<Resolved>;
  /** One for each layer, the top first. */
  readonly cursors: readonly Cursor[];
}

/** What a disk has beyond its images. */
export interface ChainProperties {
  /** Of the chain as a whole. */
  readonly warnings: readonly Warning[];
  /** The size is rounded up to a multiple of this, in bytes. */
  readonly align: number;
  /** Shared by the images; closed with them. */
  readonly decompression: Decompression;
}

/** A chain of images as one disk. Every sector is resolved on its own, through all layers. */
export class ChainDisk implements Disk {
  readonly size: number;
  readonly sectorSize: number;
  readonly layers: readonly Layer[];
  readonly id: string | undefined;
  readonly creation: Creation;
  readonly warnings: readonly Warning[];
  readonly #images: readonly Image[];
  readonly #align: number;
  readonly #decompression: Decompression;

  /** `images`: the top first. */
  constructor(images: readonly Image[], { warnings, align, decompression }: ChainProperties) {
    const layers = layersOf(images);
    const [top] = images;
    const [topLayer] = layers;
    if (!top || !topLayer) throw new RangeError('a chain has at least one image');
    this.#images = images;
    this.#align = align;
    this.#decompression = decompression;
    this.layers = layers;
    this.size = Math.ceil(topLayer.size / align) * align;
    this.sectorSize = topLayer.sectorSize;
    this.id = topLayer.id;
    this.creation = top.creation;
    this.warnings = warnings;
  }

  async read(offset: number, into: Uint8Array): Promise<void> {
    if (offset < 0 || offset + into.length > this.size)
      throw new RangeError(`[${offset}, ${offset + into.length}) is not within the disk's ${this.size} bytes`);
    for await (const batch of this.#batches(this.#images.length, offset, offset + into.length)) {
      await forEachConcurrent(stored(batch, offset, into), ({ map, at, part }) => map.read(at, part));
    }
  }

  async *extents(options: ExtentOptions = {}): AsyncGenerator<Extent> {
    let last: Extent | undefined;
    for await (const batch of this.extentBatches(options)) {
      for (const { offset, length, kind, layer } of batch) {
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

  async *extentBatches({ above = this.#images.length }: ExtentOptions = {}): AsyncGenerator<Iterable<Extent>> {
    for await (const { segments } of this.#batches(above, 0, this.size)) yield segments;
  }

  ancestor(layer: number): Disk {
    return new ChainDisk(this.#images.slice(layer), {
      warnings: this.warnings,
      align: this.#align,
      decompression: this.#decompression,
    });
  }

  get openedFiles(): readonly SourceFile[] {
    return this.#images.flatMap(({ openedFiles }) => openedFiles);
  }

  async sourceFiles(): Promise<readonly SourceFile[]> {
    return (await Promise.all(this.#images.map((image) => image.currentFiles()))).flat();
  }

  async fileStates(): Promise<readonly FileState[]> {
    return (await Promise.all(this.#images.map((image) => image.fileStates()))).flat();
  }

  dropCache(): void {
    for (const image of this.#images) image.dropCache();
  }

  async close(): Promise<void> {
    await closeAll(this.#images);
    await this.#decompression.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /**
   * Yields `[offset, end)` as the layers with an index smaller than `above` have it. The map of a layer is used to its end,
   * whatever the other layers need, so that nothing is read twice. A layer loads no more than the maps above it cover: they
   * determine which parts of it are hidden.
   */
  async *#batches(above: number, offset: number, end: number): AsyncGenerator<Batch> {
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
      yield { segments: resolve(cursors, at, to), cursors };
      at = to;
    }
  }
}

/** Returns the layers of a complete chain, the top first: a layer may depend on the one below it. */
export function layersOf(images: readonly Image[]): Layer[] {
  const layers: Layer[] = [];
  for (const image of images.toReversed()) {
    const [parent] = layers;
    layers.unshift((parent && image.layerOver?.(parent)) ?? image.layer);
  }
  return layers;
}

/** What a disk shows beyond the end of a smaller image. */
class ZeroMap implements AllocationMap {
  readonly end: number;

  constructor(end: number) {
    this.end = end;
  }

  segmentAt(offset: number): { offset: number; length: number; kind: 'zero' } {
    return { offset, length: this.end - offset, kind: 'zero' };
  }

  read(_: number, into: Uint8Array): Promise<void> {
    zeroFill(into);
    return Promise.resolve();
  }
}

/** Loads a stretch of an image below others, which have loaded all of it. */
async function load(image: Image, offset: number, end: number, above: readonly Cursor[]): Promise<AllocationMap> {
  const { size } = image.layer;
  if (offset >= size) return new ZeroMap(end);
  const cursors = above.map((cursor) => cursor.fork());
  return image.load(offset, Math.min(end, size), (from, to) => {
    for (const cursor of cursors) {
      const { kind, offset: start, length } = cursor.at(from);
      // Layers below one that decides here may not have loaded this part.
      if (kind !== 'absent') return start + length >= to;
    }
    return false;
  });
}

/** Fills with zeros what no file holds, and yields the parts to read. */
function* stored(
  { segments, cursors }: Batch,
  offset: number,
  into: Uint8Array,
): Generator<{ readonly map: AllocationMap; readonly at: number; readonly part: Uint8Array }> {
  for (const { offset: at, length, kind, layer } of segments) {
    const part = into.subarray(at - offset, at - offset + length);
    if (kind === 'data') yield { map: mapOf(cursors, layer), at, part };
    else zeroFill(part);
  }
}

function mapOf(cursors: readonly Cursor[], layer: number): AllocationMap {
  const cursor = cursors[layer];
  if (!cursor) throw new RangeError(`the chain has no layer ${layer}`);
  return cursor.map;
}
