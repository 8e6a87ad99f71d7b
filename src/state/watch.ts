import { judgeWork, type AnnouncementState } from './announcement.js';

/** `unclear`: neither is proved, and the process has not been silent for long enough. */
export type Liveness = 'alive' | 'dead' | 'unclear';

/** The last observation of a contender. */
interface Observation {
  readonly heartbeat: string;
  /** True if `heartbeat` has changed since the first observation. */
  readonly hasMoved: boolean;
  /** Milliseconds without a change. */
  readonly silentMs: number;
  /** The time of the observation, by `performance.now()`. */
  readonly atMs: number;
}

/**
 * Finds out which other contenders for a lock are alive. Uses no times of other machines, because clocks differ, only changes that
 * this process observes.
 */
export class Watch {
  readonly #silenceMs: number;
  readonly #observations = new Map<string, Observation>();
  #onWait: (() => void) | undefined;

  /** See `LockOptions`. */
  constructor(silenceMs: number, onWait: (() => void) | undefined) {
    this.#silenceMs = silenceMs;
    this.#onWait = onWait;
  }

  /**
   * Returns whether a contender is alive: by proof if there is one, else by its heartbeat. A process that runs and holds the lock is
   * alive even if it is stopped. One that only contends counts as dead if it is stopped, so that it does not block others.
   */
  judge(token: string, { owner, heartbeat }: AnnouncementState, isHeld: boolean): Liveness {
    const status = judgeWork(token, owner);
    if (status === 'gone') return 'dead';
    if (status === 'alive' && isHeld) return 'alive';
    const { silentMs, hasMoved } = this.#observe(token, `${heartbeat} ${isHeld}`);
    if (silentMs >= this.#silenceMs) return 'dead';
    if (status === 'alive' || hasMoved) return 'alive';
    if (silentMs >= this.#silenceMs / 10) this.#reportWait();
    return 'unclear';
  }

  #observe(token: string, heartbeat: string): Observation {
    const now = performance.now();
    const before = this.#observations.get(token);
    // If this process stood still, the other one may have too (a suspended machine): that does not count as silence.
    const stepMs = before ? Math.min(now - before.atMs, this.#silenceMs / 10) : 0;
    const observation =
      before?.heartbeat === heartbeat
        ? { ...before, silentMs: before.silentMs + stepMs, atMs: now }
        : { heartbeat, hasMoved: before !== undefined, silentMs: 0, atMs: now };
    this.#observations.set(token, observation);
    return observation;
  }

  #reportWait(): void {
    this.#onWait?.();
    this.#onWait = undefined;
  }
}
