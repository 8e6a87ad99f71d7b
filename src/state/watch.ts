import { judgeWork, type Sighting } from './announcement.js';

/** `unclear`: neither proved, nor silent for long enough. */
export type Life = 'alive' | 'dead' | 'unclear';

/** What was seen last under a name. */
interface Seen {
  readonly sign: string;
  /** True once something changed, since this process has been looking. */
  readonly hasMoved: boolean;
  /** Milliseconds without a change. */
  readonly quietMs: number;
  /** By `performance.now()`. */
  readonly atMs: number;
}

/**
 * Finds out which other contenders for a lock are alive. Compares what it sees only with what it saw before, because
 * clocks of two machines need not agree.
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
   * Judges a contender by the proof that there is, else by its heartbeat. A process that runs and holds the lock is
   * alive even if it is stopped; one that runs and only contends is not, so that a stopped one keeps nobody waiting.
   */
  judge(token: string, { owner, mark }: Sighting, isHeld: boolean): Life {
    const verdict = judgeWork(token, owner);
    if (verdict === 'gone') return 'dead';
    if (verdict === 'alive' && isHeld) return 'alive';
    const { quietMs, hasMoved } = this.#look(token, `${mark} ${isHeld}`);
    if (quietMs >= this.#silenceMs) return 'dead';
    if (verdict === 'alive' || hasMoved) return 'alive';
    if (quietMs >= this.#silenceMs / 10) this.#say();
    return 'unclear';
  }

  #look(token: string, sign: string): Seen {
    const now = performance.now();
    const before = this.#seen.get(token);
    // If this process stood still, the other one may have done so too (a suspended machine): that is no silence.
    const stepMs = before ? Math.min(now - before.atMs, this.#silenceMs / 10) : 0;
    const seen = before?.sign === sign ? { ...before, quietMs: before.quietMs + stepMs, atMs: now } : { sign, hasMoved: before !== undefined, quietMs: 0, atMs: now };
    this.#seen.set(token, seen);
    return seen;
  }

  #say(): void {
    this.#onWait?.();
    this.#onWait = undefined;
  }
}
