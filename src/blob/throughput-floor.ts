import { RestError } from '@azure/storage-blob';

/** Less than this, for all requests together, is no progress. */
export const FLOOR_BYTES_PER_SECOND = 1024;
/** Over so long, in milliseconds. */
export const FLOOR_WINDOW_MS = 60_000;
/** It is looked at so often within the window. */
const LOOKS = 12;

/** A body that is under way, in either direction. */
interface Transfer {
  /** Bytes that have moved so far. */
  readonly moved: () => number;
  readonly cut: (error: Error) => void;
  counted: number;
}

/** What moved in a time in which bodies were under way. */
interface Sample {
  readonly ms: number;
  readonly bytes: number;
}

/**
 * Ends requests that hold on by a byte now and then. It counts the bytes of all bodies together, and only the time in which
 * there are any under way: not while a request waits for a limit, or for the service to do its work. When less has moved
 * over a whole window than the floor gives, all of them fail as passing trouble. One that is slow among others that are not
 * goes on.
 */
export class ThroughputFloor {
  readonly #bytesPerMs: number;
  readonly #windowMs: number;
  readonly #transfers = new Set<Transfer>();
  #samples: Sample[] = [];
  #lookedAt = 0;
  /** Of transfers that have ended since. */
  #bytes = 0;
  /** Time with transfers since, up to `#lookedAt`. */
  #ms = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(bytesPerSecond = FLOOR_BYTES_PER_SECOND, windowMs = FLOOR_WINDOW_MS) {
    this.#bytesPerMs = bytesPerSecond / 1000;
    this.#windowMs = windowMs;
  }

  /** A body begins to move; `moved` says how many bytes of it have, and grows. Call what is returned when it has ended. */
  begin(moved: () => number, cut: (error: Error) => void): () => void {
    this.#pass();
    const transfer: Transfer = { moved, cut, counted: moved() };
    this.#transfers.add(transfer);
    this.#timer ??= setInterval(() => { this.#look(); }, this.#windowMs / LOOKS).unref();
    return () => {
      this.#pass();
      if (!this.#transfers.delete(transfer)) return;
      this.#bytes += moved() - transfer.counted;
    };
  }

  /** Bytes of a body that is too short to be watched: they count for those that are under way with it. */
  add(bytes: number): void {
    if (this.#transfers.size > 0) this.#bytes += bytes;
  }

  /**
   * Lets the time pass that has: it counts where something is under way. Of a longer time than between two looks nobody knows
   * what moved: the process was stopped, the machine slept, or work kept the event loop.
   */
  #pass(): void {
    const now = performance.now();
    if (this.#transfers.size > 0) this.#ms += Math.min(now - this.#lookedAt, 2 * this.#windowMs / LOOKS);
    this.#lookedAt = now;
  }

  #look(): void {
    this.#pass();
    if (this.#ms === 0) {
      // Nothing was under way since the last look. It begins again with the next body, not with each.
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
      cut(new RestError(`less than ${Math.round(this.#bytesPerMs * 1000)} bytes a second moved for ${this.#windowMs / 1000} s, in ${size} request${size === 1 ? '' : 's'}`, { code: 'ETIMEDOUT' }));
    }
  }
}

function sum(samples: readonly Sample[], of: keyof Sample): number {
  return samples.reduce((total, sample) => total + sample[of], 0);
}
