/** Lets bytes through at so many a second, in the order in which they are announced. Pure: `now` is any clock in milliseconds. */
export class RateLimit {
  readonly #bytesPerMs: number;
  #freeAt = -Infinity;

  constructor(bytesPerSecond: number) {
    this.#bytesPerMs = bytesPerSecond / 1000;
  }

  /** How many milliseconds `bytes` have to wait. They are counted from here on, so nothing is saved up while nothing is sent. */
  reserve(now: number, bytes: number): number {
    const begin = Math.max(now, this.#freeAt);
    this.#freeAt = begin + bytes / this.#bytesPerMs;
    return begin - now;
  }
}
