/** Memory in which the images of a chain keep their structures, in bytes. */
const TABLES_BYTES = 96 * 1024 * 1024;

/** A limit for memory that several images share: first come, first served. An image that gets none reads its structures again when it needs them. */
export class MemoryBudget {
  #left: number;

  constructor(bytes = TABLES_BYTES) {
    this.#left = bytes;
  }

  /** Takes this many bytes from the budget. Returns false, and takes nothing, if fewer are left. */
  take(bytes: number): boolean {
    if (bytes > this.#left) return false;
    this.#left -= bytes;
    return true;
  }

  /** Returns bytes to the budget. */
  give(bytes: number): void {
    this.#left += bytes;
  }
}
