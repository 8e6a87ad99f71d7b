/** Limits bytes a second, first come, first served. Pure: `now` comes from any clock in milliseconds. */
export class RateLimit {
  readonly #bytesPerMs: number;
  #freeAt = -Infinity;

  constructor(bytesPerSecond: number) {
    this.#bytesPerMs = bytesPerSecond / 1000;
  }

  /**
   * Reserves the next `bytes`, and returns how many milliseconds to wait before they may be sent. Time in which nothing
   * is sent is not saved up.
   */
  reserve(now: number, bytes: number): number {
    const begin = Math.max(now, this.#freeAt);
    this.#freeAt = begin + bytes / this.#bytesPerMs;
    return begin - now;
  }
}
