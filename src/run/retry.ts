import { setMaxListeners } from 'node:events';
import { pause, throwIfAborted, throwIfStopped, type Stop } from './stop.js';

/** How often and how long requests are tried again. */
export interface RetryPolicy {
  readonly attempts: number;
  readonly firstDelayMs: number;
  readonly maxDelayMs: number;
  /** Milliseconds without a byte in either direction after which a request is tried again. Default 30 s. */
  readonly deadlineMs?: number | undefined;
  /**
   * Milliseconds over which all requests together must move at least 1 KiB/s while bodies are sent or received. If they
   * do not, these requests are tried again. Default 60 s.
   */
  readonly floorWindowMs?: number | undefined;
}

/** The answer to a failed attempt. */
export interface Failure {
  /** HTTP status; `undefined` if no answer came. */
  readonly status: number | undefined;
  /** The service's error code, such as `LeaseAlreadyPresent`, or a socket's, such as `ECONNRESET`. */
  readonly code: string | undefined;
  /** How long the service asks to wait, in milliseconds. */
  readonly retryAfter: number | undefined;
}

/** Reads the errors of a service. */
export interface ServiceErrors {
  /** Returns the service's answer. */
  failureOf(error: unknown): Failure;
  /** Returns true if the same request is likely to succeed later. */
  isTransient(error: unknown): boolean;
  /** Returns true if fewer requests at a time may help. */
  isThrottled(error: unknown): boolean;
  /** Returns the error to throw. `isReached`: if the server has answered a request of this retrier before. */
  toError(error: unknown, attempt: Attempt, isReached: boolean): Error;
}

/** The longest wait that the service may ask for. */
const MAX_RETRY_AFTER_MS = 120_000;

/** A bit more than a minute in all before giving up. */
export const DEFAULT_RETRY: RetryPolicy = { attempts: 10, firstDelayMs: 250, maxDelayMs: 30_000 };

/** A request, as messages and the rate limit need it. */
export interface Attempt {
  /** What the request does, for messages: "write 4096 bytes at 512". */
  readonly what: string;
  /** The blob or container, without secrets. */
  readonly uri: string;
  /** Bytes of content that the request carries or fetches. */
  readonly bytes?: number;
}

/** How one attempt ended. */
export interface AttemptEnd {
  readonly bytes: number;
  readonly milliseconds: number;
  /**
   * `throttled`: the service or the network could not keep up. `failed`: another error; it says nothing about
   * throughput.
   */
  readonly outcome: 'done' | 'throttled' | 'failed';
}

/** Decides when requests may begin, and measures how they end. */
export interface Pacer {
  /** Resolves when a request with this many bytes of content may begin. */
  admit(bytes: number): Promise<void>;
  /** Called after each attempt. */
  ended(attempt: AttemptEnd): void;
}

const UNPACED: Pacer = { admit: () => Promise.resolve(), ended: () => undefined };

/** Options of a `Retrier`. */
export interface RetryOptions {
  /** Called with a message before an attempt is repeated for the second time, and each time after that. */
  readonly onRetry?: (message: string) => void;
  readonly policy?: RetryPolicy | undefined;
  readonly pacer?: Pacer;
}

/**
 * Attempts before a server has answered for the first time: a wrong address is then likelier than a failure that
 * passes. By default they take about six seconds: as long as a server or a network needs that is just being started.
 */
const ATTEMPTS_UNTIL_REACHED = 6;

/**
 * Runs requests, and repeats those with transient errors: after an exponential back-off with jitter, or after the time
 * that the service asks for. Works for any service: `ServiceErrors` says which errors are transient. Does not limit the
 * time of an attempt: that is up to the client that sends the requests.
 */
export class Retrier {
  readonly stop: Stop;
  readonly #errors: ServiceErrors;
  readonly #policy: RetryPolicy;
  readonly #onRetry: (message: string) => void;
  readonly #pacer: Pacer;
  /** The hosts that have answered. */
  readonly #reached = new Set<string>();

  constructor(
    stop: Stop,
    errors: ServiceErrors,
    { onRetry = () => undefined, policy = DEFAULT_RETRY, pacer = UNPACED }: RetryOptions = {},
  ) {
    this.stop = stop;
    this.#errors = errors;
    // Every running request adds a listener, so there may be many without a leak.
    setMaxListeners(0, stop.cancel, stop.abort);
    this.#policy = policy;
    this.#onRetry = onRetry;
    this.#pacer = pacer;
  }

  /**
   * Calls `request` until it succeeds, and returns its result. Throws `ServiceErrors.toError` of the last error if the
   * error is not transient or no attempt is left; throws as `throwIfStopped` does if the work is stopped.
   */
  async run<T>(attempted: Attempt, request: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { what, uri, bytes = 0 } = attempted;
    const host = uri.split('/', 3).join('/');
    const { firstDelayMs, maxDelayMs } = this.#policy;
    for (let attempt = 1; ; attempt++) {
      throwIfStopped(this.stop);
      try {
        const result = await this.#paced(bytes, request);
        this.#reached.add(host);
        return result;
      } catch (error) {
        throwIfAborted(this.stop.abort);
        const { status, code, retryAfter } = this.#errors.failureOf(error);
        if (status !== undefined) this.#reached.add(host);
        const isReached = this.#reached.has(host);
        const attempts = isReached ? this.#policy.attempts : Math.min(ATTEMPTS_UNTIL_REACHED, this.#policy.attempts);
        if (!this.#errors.isTransient(error) || attempt >= attempts)
          throw this.#errors.toError(error, attempted, isReached);
        const backOff = Math.min(maxDelayMs, firstDelayMs * 2 ** (attempt - 1)) * (0.5 + Math.random() / 2);
        if (attempt > 1)
          this.#onRetry(
            `cannot ${what} (${code ?? status ?? 'no answer'}); trying again: attempt ${attempt + 1} of ${attempts}`,
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
