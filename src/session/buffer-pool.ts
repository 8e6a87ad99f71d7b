/** Buffers of one size, used again: no more exist than were ever in use at a time. */
export class BufferPool {
  readonly #length: number;
  readonly #free: Uint8Array[] = [];

  constructor(length: number) {
    this.#length = length;
  }

  /** Lends the first `length` bytes of a buffer to `work`, with whatever content. */
  async use(length: number, work: (buffer: Uint8Array) => Promise<void>): Promise<void> {
    const buffer = this.#free.pop() ?? new Uint8Array(this.#length);
    try {
      await work(buffer.subarray(0, length));
    } finally {
      this.#free.push(buffer);
    }
  }
}
