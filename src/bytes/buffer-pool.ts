/** Buffers of one size, used again: no more exist than were ever in use at a time. They are in memory that threads share. */
export class BufferPool {
  readonly #length: number;
  readonly #free: Uint8Array[] = [];

  constructor(length: number) {
    this.#length = length;
  }

  /** A buffer with whatever content. */
  take(): Uint8Array {
    return this.#free.pop() ?? new Uint8Array(new SharedArrayBuffer(this.#length));
  }

  give(buffer: Uint8Array): void {
    this.#free.push(buffer);
  }

  /** Lends the first `length` bytes of a buffer to `work`. */
  async use(length: number, work: (buffer: Uint8Array) => Promise<void>): Promise<void> {
    const buffer = this.take();
    try {
      await work(buffer.subarray(0, length));
    } finally {
      this.give(buffer);
    }
  }
}
