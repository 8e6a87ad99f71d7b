import type { SourceHandle } from './file.js';
import { forEachConcurrent } from './for-each-concurrent.js';

/** Bytes of bitmaps that are loaded at a time: 32 MiB for 128 layers. */
const BATCH_BYTES = 256 * 1024;
/** Bytes of bitmaps that are cached for random reads. */
const CACHE_BYTES = 256 * 1024;
/** Larger batches look like a sequential scan. They are not cached: they would only evict what random reads use again. */
const MAX_CACHED_BATCH = 16;
/** Bitmaps are read synchronously for at most this long, in milliseconds; the rest of the batch is read asynchronously. */
const SYNC_READ_LIMIT_MS = 10;
/** The clock is looked at once for this many synchronous reads. */
const READS_PER_CLOCK_CHECK = 8;

/** The sector bitmaps of an image's blocks, by the index of the block. */
export type BlockBitmaps = ReadonlyMap<number, Uint8Array>;

interface MissingBitmap {
  readonly position: number;
  readonly bitmap: Uint8Array;
}

/** Reads the sector bitmaps of an image, many at a time. */
export class Bitmaps {
  /** The most blocks of one call of `load`. */
  readonly batchSize: number;
  readonly #file: SourceHandle;
  readonly #length: number;
  /** The oldest first. */
  #cache = new Map<number, Uint8Array>();

  /** `length`: bytes of a bitmap in the file. */
  constructor(file: SourceHandle, length: number) {
    this.#file = file;
    this.#length = length;
    this.batchSize = Math.max(1, Math.floor(BATCH_BYTES / length));
  }

  /** Loads the bitmaps of blocks, given as offsets in the file. They stay as they are when other bitmaps are loaded. Throws `disk-unreadable`. */
  async load(positions: ReadonlyMap<number, number>): Promise<BlockBitmaps> {
    const bytes = new Uint8Array(positions.size * this.#length);
    const loaded = new Map<number, Uint8Array>();
    const missing: MissingBitmap[] = [];
    // If `drop` is called during these reads, their results go into the dropped map, and are dropped too.
    const cache = this.#cache;
    for (const [blockIndex, position] of positions) {
      const bitmap =
        cache.get(blockIndex) ?? bytes.subarray(loaded.size * this.#length, (loaded.size + 1) * this.#length);
      if (!cache.has(blockIndex)) missing.push({ position, bitmap });
      loaded.set(blockIndex, bitmap);
    }
    const left = positions.size > MAX_CACHED_BATCH ? this.#readSync(missing) : missing;
    await forEachConcurrent(left, ({ position, bitmap }) => this.#file.read(position, bitmap));
    if (missing.length > 0 && positions.size <= MAX_CACHED_BATCH) this.#store(cache, loaded);
    return loaded;
  }

  /** Drops all cached bitmaps: the next load reads them again. */
  drop(): void {
    this.#cache = new Map();
  }

  /** Reads synchronously as long as that is quick; returns the bitmaps that are left to read. */
  #readSync(missing: readonly MissingBitmap[]): readonly MissingBitmap[] {
    const began = performance.now();
    let done = 0;
    for (const { position, bitmap } of missing) {
      if (!this.#file.readNow || (done % READS_PER_CLOCK_CHECK === 0 && performance.now() - began > SYNC_READ_LIMIT_MS))
        break;
      this.#file.readNow(position, bitmap);
      done++;
    }
    return missing.slice(done);
  }

  #store(cache: Map<number, Uint8Array>, loaded: BlockBitmaps): void {
    for (const [blockIndex, bitmap] of loaded) cache.set(blockIndex, bitmap);
    for (const blockIndex of cache.keys()) {
      if (cache.size * this.#length <= CACHE_BYTES) break;
      cache.delete(blockIndex);
    }
  }
}
