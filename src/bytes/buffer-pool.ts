/**
 * Buffers of one size that are used again: there are never more than were in use at one time. They are in shared
 * memory, so that other threads can read them without a copy.
 */
export class BufferPool {
  readonly #length: number;
  readonly #free: Uint8Array[] = [];

  /** `length`: bytes of each buffer. */
  constructor(length: number) {
    this.#length = length;
  }

  /** Returns a buffer; its content is left over from an earlier use. */
  acquire(): Uint8Array {
    return this.#free.pop() ?? new Uint8Array(new SharedArrayBuffer(this.#length));
  }

  /** Makes a buffer free for the next `acquire`. Nothing may use it afterwards. */
  release(buffer: Uint8Array): void {
    this.#free.push(buffer);
  }

  /** Calls `work` with the first `length` bytes of a buffer, and releases the buffer when `work` has ended. */
  async use(length: number, work: (buffer: Uint8Array) => Promise<void>): Promise<void> {
    const buffer = this.acquire();
    try {
      await work(buffer.subarray(0, length));
    } finally {
      this.release(buffer);
    }
  }
}
