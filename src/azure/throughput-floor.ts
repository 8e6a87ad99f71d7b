import { RestError } from '@azure/storage-blob';

/** All requests together must move at least this much. */
export const FLOOR_BYTES_PER_SECOND = 1024;
/** The throughput is measured over this time, in milliseconds. */
export const FLOOR_WINDOW_MS = 60_000;
/** Number of measurements in a window. */
const LOOKS = 12;

/** A body, or the head of an answer, that is under way in either direction. */
interface Transfer {
  /** Bytes that have moved so far. */
  readonly moved: () => number;
  /** Ends the request with this error. */
  readonly cut: (error: Error) => void;
  /** The part of `moved` that is in a sample already. */
  counted: number;
}

/** The bytes that moved in a time in which bodies were under way. */
interface Sample {
  readonly ms: number;
  readonly bytes: number;
}

/**
 * Ends requests that move only a byte now and then, which no deadline by inactivity ends. Counts the bytes of all bodies
 * together, and only the time in which bodies are under way: not the time in which requests wait for a limit, or for the service
 * to do its work. If less than the floor has moved over a whole window, all of them fail with the code `ETIMEDOUT`, and may be
 * tried again. A slow request goes on as long as others are fast.
 */
export class ThroughputFloor {
  readonly #bytesPerMs: number;
  readonly #windowMs: number;
  readonly #transfers = new Set<Transfer>();
  #samples: Sample[] = [];
  #lookedAt = 0;
  /** Bytes since the last sample of transfers that have ended, and of short bodies. */
  #bytes = 0;
  /** Milliseconds with transfers since the last sample, up to `#lookedAt`. */
  #ms = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(bytesPerSecond = FLOOR_BYTES_PER_SECOND, windowMs = FLOOR_WINDOW_MS) {
    this.#bytesPerMs = bytesPerSecond / 1000;
    this.#windowMs = windowMs;
  }

  /**
   * Watches a body that begins. `moved` returns how many of its bytes have moved so far; `cut` ends its request. Returns a
   * function to call when the body has ended; further calls have no effect.
   */
  begin(moved: () => number, cut: (error: Error) => void): () => void {
    this.#pass();
    const transfer: Transfer = { moved, cut, counted: moved() };
    this.#transfers.add(transfer);
    this.#timer ??= setInterval(() => {
      this.#look();
    }, this.#windowMs / LOOKS).unref();
    return () => {
      this.#pass();
      if (!this.#transfers.delete(transfer)) return;
      this.#bytes += moved() - transfer.counted;
    };
  }

  /** Counts the bytes of a body that is too short to be watched, if others are under way. */
  add(bytes: number): void {
    if (this.#transfers.size > 0) this.#bytes += bytes;
  }

  /**
   * Counts the time since the last call, if something is under way. Counts at most twice the interval of the timer: if more has
   * passed, the process was stopped, the machine slept, or the event loop was blocked.
   */
  #pass(): void {
    const now = performance.now();
    if (this.#transfers.size > 0) this.#ms += Math.min(now - this.#lookedAt, (2 * this.#windowMs) / LOOKS);
    this.#lookedAt = now;
  }

  #look(): void {
    this.#pass();
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
    if (total < this.#windowMs || sum(this.#samples, 'bytes') >= this.#bytesPerMs * total) return;
    this.#samples = [];
    const { size } = this.#transfers;
    for (const { cut } of [...this.#transfers]) {
      cut(
        new RestError(
          `less than ${Math.round(this.#bytesPerMs * 1000)} bytes a second moved for ${this.#windowMs / 1000} s, in ${size} request${size === 1 ? '' : 's'}`,
          { code: 'ETIMEDOUT' },
        ),
      );
    }
  }
}

function sum(samples: readonly Sample[], of: keyof Sample): number {
  return samples.reduce((total, sample) => total + sample[of], 0);
}
