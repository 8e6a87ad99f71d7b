import pLimit from 'p-limit';
import { BufferPool } from '../bytes/buffer-pool.js';
import { Decompressor } from '../compression/decompressor.js';
import { ClusterCache } from './cluster-cache.js';

/** Compressed bytes are read into buffers of this size, which are used again: shared memory is freed late. Larger ones are rare. */
const BUFFER_BYTES = (1024 + 128) * 1024;
/** Reads of compressed bytes that are decompressed at a time. */
const CONCURRENCY = 8;

/** What the images of a chain share to read compressed content: however many they are, they take the memory of one. */
export class Decompression {
  /** Closed by `close`. */
  readonly decompressor = new Decompressor();
  /** What was decompressed last. */
  readonly clusters = new ClusterCache();
  readonly #buffers = new BufferPool(BUFFER_BYTES);
  readonly #limit = pLimit(CONCURRENCY);

  /**
   * Calls `work` with a buffer of `length` bytes in shared memory, for compressed bytes. Nothing may use it when `work` has ended.
   * At most eight calls run at a time; the others wait. Throws what `work` throws.
   */
  withBuffer(length: number, work: (buffer: Uint8Array) => Promise<void>): Promise<void> {
    return this.#limit(() =>
      length <= BUFFER_BYTES ? this.#buffers.use(length, work) : work(new Uint8Array(new SharedArrayBuffer(length))),
    );
  }

  /** Ends all threads. */
  close(): Promise<void> {
    return this.decompressor.close();
  }
}
