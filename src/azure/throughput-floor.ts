import { formatSize } from '../bytes/format-size.js';
import { RestError } from '@azure/storage-blob';

/** The default of the least throughput of all requests together. */
export const FLOOR_BYTES_PER_SECOND = 1024;
/** The default of the time over which the throughput is measured, in milliseconds. */
const FLOOR_WINDOW_MS = 60_000;
/** The number of samples in a window. */
const SAMPLES_PER_WINDOW = 12;

/** A body, or the head of an answer, that is under way in either direction. */
interface Transfer {
  /** Bytes that have moved so far. */
  readonly moved: () => number;
  /** Ends the request with this error. */
  readonly fail: (error: Error) => void;
  /** The part of `moved` that is already in a sample. */
  counted: number;
}

/** The bytes that moved in a period, and the part of the period with bodies under way. */
interface Sample {
  readonly ms: number;
  readonly bytes: number;
}

/**
 * Fails requests that move only a byte now and then: no deadline by inactivity ends these. Counts the bytes of all bodies
 * together, and only the time in which bodies are under way: not the time in which requests wait for a limit, or for the service
 * to do its work. If less than the floor has moved over a whole window, all of them fail with the code `ETIMEDOUT`, and may be
 * repeated. A slow request goes on as long as others are fast.
 */
export class ThroughputFloor {
  readonly #bytesPerMs: number;
  readonly #windowMs: number;
  readonly #transfers = new Set<Transfer>();
  #samples: Sample[] = [];
  #countedAt = 0;
  /** Bytes since the last sample of transfers that have ended, and of short bodies. */
  #bytes = 0;
  /** Milliseconds with transfers since the last sample, up to `#countedAt`. */
  #ms = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(bytesPerSecond = FLOOR_BYTES_PER_SECOND, windowMs = FLOOR_WINDOW_MS) {
    this.#bytesPerMs = bytesPerSecond / 1000;
    this.#windowMs = windowMs;
  }

  /**
   * Watches a body from its start. `moved` returns how many of its bytes have moved so far; `fail` ends its request. Returns a
   * function to call when the body has ended. Further calls of it have no effect.
   */
  watch(moved: () => number, fail: (error: Error) => void): () => void {
    this.#countTime();
    const transfer: Transfer = { moved, fail, counted: moved() };
    this.#transfers.add(transfer);
    this.#timer ??= setInterval(() => {
      this.#takeSample();
    }, this.#windowMs / SAMPLES_PER_WINDOW).unref();
    return () => {
      this.#countTime();
      if (!this.#transfers.delete(transfer)) return;
      this.#bytes += moved() - transfer.counted;
    };
  }

  /** Counts the bytes of a body that is too short to be watched, if others are under way. */
  addBytes(bytes: number): void {
    if (this.#transfers.size > 0) this.#bytes += bytes;
  }

  /**
   * Counts the time since the last call, if a body is under way, but at most twice the interval of the timer. If more has passed,
   * the process was stopped, the machine slept, or the event loop was blocked.
   */
  #countTime(): void {
    const now = performance.now();
    if (this.#transfers.size > 0)
      this.#ms += Math.min(now - this.#countedAt, (2 * this.#windowMs) / SAMPLES_PER_WINDOW);
    this.#countedAt = now;
  }

  #takeSample(): void {
    this.#countTime();
    if (this.#ms === 0) {
      // Nothing was under way since the last sample. The next body starts the timer again.
      clearInterval(this.#timer);
      this.#timer = undefined;
      return;
    }
    let bytes = this.#bytes;
    for (const transfer of this.#transfers) {
      const moved = transfer.moved();
      bytes += moved - transfer.counted;
      transfer.counted = moved;
    }
    this.#samples.push({ ms: this.#ms, bytes });
    this.#bytes = 0;
    this.#ms = 0;
    let total = sum(this.#samples, 'ms');
    for (let [first] = this.#samples; first && total - first.ms >= this.#windowMs; [first] = this.#samples) {
      total -= first.ms;
      this.#samples.shift();
    }
    if (total >= this.#windowMs && sum(this.#samples, 'bytes') < this.#bytesPerMs * total) this.#failAll();
  }

  #failAll(): void {
    this.#samples = [];
    const { size } = this.#transfers;
    for (const { fail } of [...this.#transfers]) {
      fail(
        new RestError(
          `less than ${formatSize(Math.round(this.#bytesPerMs * 1000))}/s moved for ${this.#windowMs / 1000} s, in ${size} request${size === 1 ? '' : 's'}`,
          { code: 'ETIMEDOUT' },
        ),
      );
    }
  }
}

function sum(samples: readonly Sample[], of: keyof Sample): number {
  return samples.reduce((total, sample) => total + sample[of], 0);
}
