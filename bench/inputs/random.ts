import { createHash } from 'node:crypto';

/** Random numbers that are the same in every run. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  /** In [0, 1): mulberry32. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A multiple of `step` in [0, below). */
  upTo(below: number, step = 1): number {
    return Math.floor(this.next() * Math.floor(below / step)) * step;
  }
}

const POOL_LENGTH = 16 * 1024 * 1024;
let pool: Buffer | undefined;

/** Bytes that no file system or service can make smaller, as a view of one pool: data by the hundred MiB costs no memory. */
export function noise(random: Random, length: number): Uint8Array {
  pool ??= makePool();
  return pool.subarray(random.upTo(POOL_LENGTH - length), POOL_LENGTH).subarray(0, length);
}

/** SHA-256 in counter mode: the same bytes in every run, and no sector of it is zero. */
function makePool(): Buffer {
  return Buffer.concat(
    Array.from({ length: POOL_LENGTH / 32 }, (_, index) => createHash('sha256').update(String(index)).digest()),
  );
}
