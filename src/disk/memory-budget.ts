/** Default budget for the structures that the images of one chain keep in memory, in bytes. What does not fit is read again. */
const DEFAULT_BYTES = 48 * 1024 * 1024;

/** A memory limit that the images of a chain share: first come, first served. An image that gets no memory reads its structures again when it needs them. */
export class MemoryBudget {
  #left: number;

  constructor(bytes = DEFAULT_BYTES) {
    this.#left = bytes;
  }

  /** Reserves this many bytes. Returns false, and reserves nothing, if fewer are left. */
  reserve(bytes: number): boolean {
    if (bytes > this.#left) return false;
    this.#left -= bytes;
    return true;
  }

  /** Returns reserved bytes to the budget. */
  release(bytes: number): void {
    this.#left += bytes;
  }
}
