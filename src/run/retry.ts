import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { VhdupError } from '../errors.js';

/** How long to go on trying. */
export interface RetryPolicy {
  readonly attempts: number;
  readonly firstDelayMs: number;
  readonly maxDelayMs: number;
  /** How long a request may stand still, no byte moving in either direction, before it is tried again. Default 30 s. */
  readonly deadlineMs?: number | undefined;
  /** Milliseconds over which all requests together must move at least 1 KiB/s while bodies are under way; else these requests are tried again. Default 60 s. */
  readonly floorWindowMs?: number | undefined;
}

/** What a failed attempt was answered. */
export interface Failure {
  /** HTTP status; `undefined` if no answer came. */
  readonly status: number | undefined;
  /** The service's error code, such as `LeaseAlreadyPresent`, or a socket's, such as `ECONNRESET`. */
  readonly code: string | undefined;
  /** How long the service asks to wait, in milliseconds. */
  readonly retryAfter: number | undefined;
}

/** How the errors of a service are read. `E` is the kind of error that is thrown in the end. */
export interface ServiceErrors {
  failureOf(error: unknown): Failure;
  /** Returns true if the same request may well succeed later. */
  isTransient(error: unknown): boolean;
  /** Returns true if fewer requests at a time may help. */
  isThrottled(error: unknown): boolean;
  /** Returns the error to throw. */
  toError(error: unknown, attempt: Attempt): Error;
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
  /** Bytes of content that the request carries or fetches. */
  readonly bytes?: number;
}

/** How one attempt ended. */
export interface AttemptEnd {
  readonly bytes: number;
  readonly milliseconds: number;
  /** `throttled`: the service, or the way to it, could not keep up; `failed`: anything else, which says nothing of the pace. */
  readonly outcome: 'done' | 'throttled' | 'failed';
}

/** Who sets the pace of requests. */
export interface Pacer {
  /** Resolves when a request with so many bytes of content may begin. */
  admit(bytes: number): Promise<void>;
  ended(attempt: AttemptEnd): void;
}

const UNPACED: Pacer = { admit: () => Promise.resolve(), ended: () => undefined };

export interface RetryOptions {
  /** Called with a message before an attempt is repeated for the second time, and each time after that. */
  readonly onRetry?: (message: string) => void;
  readonly policy?: RetryPolicy | undefined;
  readonly pacer?: Pacer;
}

/** Before the first answer a wrong address is likelier than a passing trouble: then so many attempts are enough. */
const ATTEMPTS_UNTIL_REACHED = 4;

/**
 * Runs requests, and repeats those that fail in passing: after an exponential back-off with jitter, or after the time that the
 * service asks for. Knows no service: `ServiceErrors` says what is transient. It does not limit the time of an attempt; the
 * client that sends the requests does.
 */
export class Retrier {
  readonly stop: Stop;
  readonly #errors: ServiceErrors;
  readonly #policy: RetryPolicy;
  readonly #onRetry: (message: string) => void;
  readonly #pacer: Pacer;
  #isReached = false;

  constructor(
    stop: Stop,
    errors: ServiceErrors,
    { onRetry = () => undefined, policy = DEFAULT_RETRY, pacer = UNPACED }: RetryOptions = {},
  ) {
    this.stop = stop;
    this.#errors = errors;
    // Every request under way listens; that is no leak.
    setMaxListeners(0, stop.cancel, stop.abort);
    this.#policy = policy;
    this.#onRetry = onRetry;
    this.#pacer = pacer;
  }

  async run<T>(attempted: Attempt, request: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { what, bytes = 0 } = attempted;
    const { firstDelayMs, maxDelayMs } = this.#policy;
    for (let attempt = 1; ; attempt++) {
      throwIfStopped(this.stop);
      try {
        const result = await this.#paced(bytes, request);
        this.#isReached = true;
        return result;
      } catch (error) {
        throwIfAborted(this.stop.abort);
        const { status, code, retryAfter } = this.#errors.failureOf(error);
        this.#isReached ||= status !== undefined;
        const attempts = this.#isReached
          ? this.#policy.attempts
          : Math.min(ATTEMPTS_UNTIL_REACHED, this.#policy.attempts);
        if (!this.#errors.isTransient(error) || attempt >= attempts) throw this.#errors.toError(error, attempted);
        const backOff = Math.min(maxDelayMs, firstDelayMs * 2 ** (attempt - 1)) * (0.5 + Math.random() / 2);
        if (attempt > 1)
          this.#onRetry(
            `cannot ${what} yet (${code ?? status ?? 'no answer'}): attempt ${attempt + 1} of ${attempts} follows`,
          );
        await pause(Math.max(backOff, Math.min(retryAfter ?? 0, MAX_RETRY_AFTER_MS)), this.stop);
      }
    }
  }

  async #paced<T>(bytes: number, request: (signal: AbortSignal) => Promise<T>): Promise<T> {
    await this.#pacer.admit(bytes);
    const begun = performance.now();
    let outcome: AttemptEnd['outcome'] = 'done';
    try {
      return await request(this.stop.abort);
    } catch (error) {
      outcome = this.#errors.isThrottled(error) ? 'throttled' : 'failed';
      throw error;
    } finally {
      this.#pacer.ended({ bytes, milliseconds: performance.now() - begun, outcome });
    }
  }
}

/** Waits, unless told to stop meanwhile. */
export async function pause(milliseconds: number, stop: Stop): Promise<void> {
  const woken = new AbortController();
  const wake = () => {
    woken.abort();
  };
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
  if (stop.cancel.aborted)
    throw new VhdupError('cancelled', 'stopped on request', { hint: 'run the same command to resume' });
}

function throwIfAborted(abort: AbortSignal): void {
  if (abort.aborted)
    throw abort.reason instanceof Error && abort.reason.name !== 'AbortError'
      ? abort.reason
      : new VhdupError('cancelled', 'stopped', { hint: 'run the same command to resume' });
}
