import type { SourceHandle } from '../file.js';
import { inFlight } from '../in-flight.js';

/** As many bytes are loaded at a time: with 128 layers that makes 32 MiB. */
const LOADED = 256 * 1024;
/** As many bytes are kept for those who read here and there. */
const KEPT = 256 * 1024;
/** Who loads more than this many blocks goes through the disk once: it would only push out what others come back to. */
const KEPT_AT_ONCE = 16;
/** Nothing else runs for longer than this, in milliseconds, while many bitmaps are read: then others read the rest. */
const PATIENCE_MS = 10;
const CHECK_EACH = 8;

/** The sector bitmaps of an image's blocks, by the index of the block. */
export type BlockBitmaps = ReadonlyMap<number, Uint8Array>;

interface Missing {
  readonly position: number;
  readonly bitmap: Uint8Array;
}

/** Reads the sector bitmaps of an image, many at a time. */
export class Bitmaps {
  /** So many blocks may be loaded at a time. */
  readonly most: number;
  readonly #file: SourceHandle;
  readonly #length: number;
  /** The oldest first. */
  #kept = new Map<number, Uint8Array>();

  /** `length`: bytes of a bitmap in the file. */
  constructor(file: SourceHandle, length: number) {
    this.#file = file;
    this.#length = length;
    this.most = Math.max(1, Math.floor(LOADED / length));
  }

  /** The bitmaps of blocks, given as where they begin in the file. They are the caller's, also when others are loaded. */
  async load(positions: ReadonlyMap<number, number>): Promise<BlockBitmaps> {
    const bytes = new Uint8Array(positions.size * this.#length);
    const loaded = new Map<number, Uint8Array>();
    const missing: Missing[] = [];
    // If `drop` is called during these reads, their results go into the dropped map, and are dropped too.
    const kept = this.#kept;
    for (const [blockIndex, position] of positions) {
      const bitmap =
        kept.get(blockIndex) ?? bytes.subarray(loaded.size * this.#length, (loaded.size + 1) * this.#length);
      if (!kept.has(blockIndex)) missing.push({ position, bitmap });
      loaded.set(blockIndex, bitmap);
    }
    const left = positions.size > KEPT_AT_ONCE ? this.#readNow(missing) : missing;
    await inFlight(left, ({ position, bitmap }) => this.#file.read(position, bitmap));
    if (missing.length > 0 && positions.size <= KEPT_AT_ONCE) this.#keep(kept, loaded);
    return loaded;
  }

  /** Drops all cached bitmaps: the next load reads them again. */
  drop(): void {
    this.#kept = new Map();
  }

  /** Reads without waiting, as long as that is quick; returns what is left to be read. */
  #readNow(missing: readonly Missing[]): readonly Missing[] {
    const began = performance.now();
    let done = 0;
    for (const { position, bitmap } of missing) {
      if (!this.#file.readNow || (done % CHECK_EACH === 0 && performance.now() - began > PATIENCE_MS)) break;
      this.#file.readNow(position, bitmap);
      done++;
    }
    return missing.slice(done);
  }

  #keep(kept: Map<number, Uint8Array>, loaded: BlockBitmaps): void {
    for (const [blockIndex, bitmap] of loaded) kept.set(blockIndex, bitmap);
    for (const blockIndex of kept.keys()) {
      if (kept.size * this.#length <= KEPT) break;
      kept.delete(blockIndex);
    }
  }
}
