import { dirname, join } from 'node:path';
import { VhdupError, messageOf } from '../errors.js';
import type { Disk, Extent, Layer, SourceFile } from './disk.js';
import type { Image, ImageOptions, ParentReference } from './image.js';
import { parentFileName, parentPaths } from './parent-path.js';

/** Opens one image file, whatever its format. */
export type ImageOpener = (path: string, options: ImageOptions) => Promise<Image>;

export interface ChainOptions extends ImageOptions {
  /** More folders in which parents are looked for, by file name. */
  readonly parentDirs?: readonly string[];
}

/** A deeper chain is taken for a broken one. */
const MAX_DEPTH = 128;
/** How much of the disk is asked for its segments at a time, in bytes. */
const WINDOW = 64 * 1024 * 1024;

/** Opens an image and all its parents, the top first. Throws `chain-broken`, with the chain as far as it was walked. */
export async function openChain(path: string, open: ImageOpener, options: ChainOptions = {}): Promise<Disk> {
  const images = [await open(path, options)];
  const warnings: string[] = [];
  try {
    for (let child = images[0]; child?.parent; child = images.at(-1)) {
      if (images.length >= MAX_DEPTH) throw broken(images, `it is deeper than ${MAX_DEPTH} layers`);
      images.push(await openParent(images, child, child.parent, open, options, warnings));
    }
    return new ChainDisk(images, warnings);
  } catch (error) {
    await closeAll(images);
    throw error;
  }
}

async function openParent(images: readonly Image[], child: Image, reference: ParentReference, open: ImageOpener, options: ChainOptions, warnings: string[]): Promise<Image> {
  const tried: string[] = [];
  for (const path of candidates(reference, dirname(child.layer.path), options.parentDirs ?? [])) {
    let image: Image;
    try {
      image = await open(path, options);
    } catch (error) {
      tried.push(messageOf(error));
      continue;
    }
    if (images.some(({ fileIdentity }) => fileIdentity === image.fileIdentity)) {
      await image.close();
      throw broken(images, `${path} is its own ancestor`);
    }
    if (image.layer.id !== reference.id) {
      tried.push(`${path}: its unique id is ${image.layer.id ?? 'all zeros'}, the child asks for ${reference.id ?? 'all zeros'}`);
      await image.close();
      continue;
    }
    if (reference.id === undefined) warnings.push(`${child.layer.path}: its parent, ${path}, is known by its name only: both ids are all zeros`);
    if (image.timeStamp !== reference.timeStamp) warnings.push(`${child.layer.path}: the time stamp of its parent, ${path}, is not the one it remembers; if the parent was changed after the child was made, the child is damaged`);
    if (image.layer.size !== child.layer.size) warnings.push(`${child.layer.path}: its size is ${child.layer.size} bytes, its parent's ${image.layer.size}`);
    return image;
  }
  throw broken(images, `no parent with the id ${reference.id ?? 'all zeros'} was found\n${tried.map((line) => `  tried ${line}`).join('\n')}`,
    'put the parent beside its child, or name its folder with --parent-dir');
}

function candidates({ names }: ParentReference, folder: string, parentDirs: readonly string[]): string[] {
  return [...new Set([
    ...names.flatMap((name) => parentPaths(name, folder)),
    ...parentDirs.flatMap((dir) => names.map((name) => join(dir, parentFileName(name)))),
  ])];
}

function broken(images: readonly Image[], problem: string, hint?: string): VhdupError {
  const walked = images.map(({ layer }) => `${layer.path} (${layer.id ?? 'no id'})`).join(' ← ');
  return new VhdupError('chain-broken', `the chain of ${walked} is broken: ${problem}`, hint === undefined ? {} : { hint });
}

async function closeAll(images: readonly Image[]): Promise<void> {
  await Promise.all(images.map((image) => image.close()));
}

/** A chain of images as one disk. Every sector is resolved on its own, through all layers. */
class ChainDisk implements Disk {
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
