import { judgeWork, type Sighting } from './announcement.js';

/** `unclear`: not proved, and not silent for long enough. */
export type Life = 'alive' | 'dead' | 'unclear';

/** What was seen last of a contender. */
interface Seen {
  readonly sign: string;
  /** True once `sign` has changed since this process first saw it. */
  readonly hasMoved: boolean;
  /** Milliseconds without a change. */
  readonly quietMs: number;
  /** By `performance.now()`. */
  readonly atMs: number;
}

/**
 * Finds out which other contenders for a lock are alive. Uses no times of other machines, because clocks differ: only changes
 * that it sees itself.
 */
export class Watch {
  readonly #silenceMs: number;
  readonly #seen = new Map<string, Seen>();
  #onWait: (() => void) | undefined;

  constructor(silenceMs: number, onWait: (() => void) | undefined) {
    this.#silenceMs = silenceMs;
    this.#onWait = onWait;
  }

  /**
   * Judges a contender by proof if there is one, else by its heartbeat. A process that runs and holds the lock is alive even if
   * it is stopped. One that only contends counts as dead if it is stopped, so that it does not block others.
   */
  judge(token: string, { owner, mark }: Sighting, isHeld: boolean): Life {
    const verdict = judgeWork(token, owner);
    if (verdict === 'gone') return 'dead';
    if (verdict === 'alive' && isHeld) return 'alive';
    const { quietMs, hasMoved } = this.#look(token, `${mark} ${isHeld}`);
    if (quietMs >= this.#silenceMs) return 'dead';
    if (verdict === 'alive' || hasMoved) return 'alive';
    if (quietMs >= this.#silenceMs / 10) this.#reportWait();
    return 'unclear';
  }

  #look(token: string, sign: string): Seen {
    const now = performance.now();
    const before = this.#seen.get(token);
    // If this process stood still, the other one may have too (a suspended machine): that does not count as silence.
    const stepMs = before ? Math.min(now - before.atMs, this.#silenceMs / 10) : 0;
    const seen =
      before?.sign === sign
        ? { ...before, quietMs: before.quietMs + stepMs, atMs: now }
        : { sign, hasMoved: before !== undefined, quietMs: 0, atMs: now };
    this.#seen.set(token, seen);
    return seen;
  }

  #reportWait(): void {
    this.#onWait?.();
    this.#onWait = undefined;
  }
}
