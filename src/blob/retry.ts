import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { VhdupError } from '../errors.js';
import { failureOf, isTransient, serviceError } from './service-error.js';

/** How long to go on trying. */
export interface RetryPolicy {
  readonly attempts: number;
  readonly firstDelayMs: number;
  readonly maxDelayMs: number;
  /** How long one request may go unanswered, besides the time that its bytes take. Default 30 s. */
  readonly deadlineMs?: number | undefined;
}

/** The longest wait that the service may ask for. */
const MAX_RETRY_AFTER_MS = 120_000;

/** A bit more than a minute in all before giving up. */
export const DEFAULT_RETRY: RetryPolicy = { attempts: 10, firstDelayMs: 250, maxDelayMs: 30_000 };

/** Two ways to stop: `cancel` lets a running request finish and starts no other; `abort` cuts it off. */
export interface Stop {
  readonly cancel: AbortSignal;
  readonly abort: AbortSignal;
}

export interface Attempt {
  /** What is tried, for messages: "write 4096 bytes at 512". */
  readonly what: string;
  readonly uri: string;
  /** Bytes that the request carries or fetches; large ones get more time. */
  readonly bytes?: number;
}

/** The slowest share of a link that is still served (16 requests at 8 KB/s are 1 Mbit/s), and half a minute besides. */
const SLOWEST_BYTES_PER_MS = 8;
const DEADLINE_MS = 30_000;

/** Before the first answer a wrong address is likelier than a passing trouble: then so many attempts are enough. */
const ATTEMPTS_UNTIL_REACHED = 4;

/**
 * Runs requests, again where they fail in passing: after an exponential back-off with jitter, or after what the service
 * asks for. Each attempt has a deadline, since a silent server would hang it.
 */
export class Retrier {
  readonly stop: Stop;
  readonly #policy: RetryPolicy;
  readonly #onRetry: (message: string) => void;
  #isReached = false;

  constructor(stop: Stop, onRetry: (message: string) => void = () => undefined, policy: RetryPolicy = DEFAULT_RETRY) {
    this.stop = stop;
    // Every request under way listens; that is no leak.
    setMaxListeners(0, stop.cancel, stop.abort);
    this.#policy = policy;
    this.#onRetry = onRetry;
  }

  async run<T>({ what, uri, bytes = 0 }: Attempt, request: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { firstDelayMs, maxDelayMs, deadlineMs = DEADLINE_MS } = this.#policy;
    for (let attempt = 1; ; attempt++) {
      throwIfStopped(this.stop);
      try {
        const result = await withDeadline(deadlineMs + bytes / SLOWEST_BYTES_PER_MS, this.stop.abort, request);
        this.#isReached = true;
        return result;
      } catch (error) {
        throwIfAborted(this.stop.abort);
        const { status, code, retryAfter } = failureOf(error);
        this.#isReached ||= status !== undefined;
        const attempts = this.#isReached ? this.#policy.attempts : Math.min(ATTEMPTS_UNTIL_REACHED, this.#policy.attempts);
        if (!isTransient(error) || attempt >= attempts) throw serviceError(error, what, uri);
        const backOff = Math.min(maxDelayMs, firstDelayMs * 2 ** (attempt - 1)) * (0.5 + Math.random() / 2);
        if (attempt > 1) this.#onRetry(`cannot ${what} yet (${code ?? status ?? 'no answer'}): attempt ${attempt + 1} of ${attempts} follows`);
        await pause(Math.max(backOff, Math.min(retryAfter ?? 0, MAX_RETRY_AFTER_MS)), this.stop);
      }
    }
  }
}

/** Waits, unless told to stop meanwhile. */
export async function pause(milliseconds: number, stop: Stop): Promise<void> {
  const woken = new AbortController();
  const wake = () => { woken.abort(); };
  stop.cancel.addEventListener('abort', wake);
  stop.abort.addEventListener('abort', wake);
  try {
    throwIfStopped(stop);
    await sleep(milliseconds, undefined, { signal: woken.signal }).catch(() => undefined);
  } finally {
    stop.cancel.removeEventListener('abort', wake);
    stop.abort.removeEventListener('abort', wake);
  }
  throwIfStopped(stop);
}

export function throwIfStopped(stop: Stop): void {
  throwIfAborted(stop.abort);
  if (stop.cancel.aborted) throw new VhdupError('cancelled', 'stopped on request', { hint: 'run the same command to resume' });
}

function throwIfAborted(abort: AbortSignal): void {
  if (abort.aborted) throw abort.reason instanceof VhdupError ? abort.reason : new VhdupError('cancelled', 'stopped', { hint: 'run the same command to resume' });
}

async function withDeadline<T>(milliseconds: number, abort: AbortSignal, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const attempt = new AbortController();
  const cut = () => { attempt.abort(); };
  const timer = setTimeout(cut, milliseconds);
  abort.addEventListener('abort', cut);
  try {
    return await run(attempt.signal);
  } finally {
    clearTimeout(timer);
    abort.removeEventListener('abort', cut);
  }
}
