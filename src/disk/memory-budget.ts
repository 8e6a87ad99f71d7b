/** Memory for what the images of a chain keep of their structures, in bytes. */
const TABLES_BYTES = 96 * 1024 * 1024;

/** Memory that several share: first come, first served. What gets none reads again what it needs. */
export class MemoryBudget {
  #left: number;

  constructor(bytes = TABLES_BYTES) {
    this.#left = bytes;
  }

  /** Takes so many bytes; false, and nothing is taken, if there are not as many left. */
  take(bytes: number): boolean {
    if (bytes > this.#left) return false;
    this.#left -= bytes;
    return true;
  }

  give(bytes: number): void {
    this.#left += bytes;
  }
}
