import type { Range } from '../bytes/range.js';
import { AdaptiveConcurrency } from './adaptive-concurrency.js';
import { newLimit, type Limit } from './concurrency.js';
import { RateLimit } from './rate-limit.js';
import { RequestPrice } from './request-price.js';
import type { AttemptEnd, Pacer } from './retry.js';
import { pause, type Stop } from './stop.js';

/** Memory for content, if the concurrency adapts: 32 windows of 4 MiB, or 20 pairs of them. */
const MEMORY = 160 * 1024 * 1024;
/** With a rate limit, no request has more bytes than the limit allows in a second; but this many are always allowed. */
const MIN_REQUEST_BYTES = 64 * 1024;

/** Schedules the requests of a session: how many at a time, how large, and how many bytes a second. */
export class RequestScheduler implements Pacer {
  readonly #stop: Stop;
  readonly #concurrency: AdaptiveConcurrency;
  readonly #price: RequestPrice;
  readonly #isFixed: boolean;
  readonly #rateLimit: RateLimit | undefined;
  readonly #maxRequestBytes: number;
  /** All limits that were made, each with the most that it allows. A session makes few of them. */
  readonly #limits: { readonly limit: Limit; readonly max: number }[] = [];

  /** `concurrency`: a fixed number of requests at a time; default: it adapts. `bytesPerSecond`: default no limit. */
  constructor(stop: Stop, concurrency: number | undefined, bytesPerSecond: number | undefined) {
    this.#stop = stop;
    this.#concurrency = new AdaptiveConcurrency(concurrency);
    this.#price = new RequestPrice(bytesPerSecond);
    this.#isFixed = concurrency !== undefined;
    this.#rateLimit = bytesPerSecond === undefined ? undefined : new RateLimit(bytesPerSecond);
    this.#maxRequestBytes =
      bytesPerSecond === undefined ? Infinity : Math.max(MIN_REQUEST_BYTES, 2 ** Math.floor(Math.log2(bytesPerSecond)));
  }

  /**
   * Returns a limit for a new kind of work, which needs `memory` bytes for each item, and starts to measure anew. The
   * limit adapts while the work runs.
   */
  newLimit(memory = 0): Limit {
    this.#concurrency.restart();
    this.#price.restart();
    const max = this.#isFixed || memory === 0 ? Infinity : Math.floor(MEMORY / memory);
    const limit = newLimit(this.#upTo(max));
    this.#limits.push({ limit, max });
    return limit;
  }

  /** Yields the parts of a range, one for each request. The size of a part is decided when it is taken. */
  *requests({ offset, length }: Range): Generator<Range> {
    for (let done = 0; done < length;) {
      const part = Math.min(length - done, this.#concurrency.requestBytes, this.#maxRequestBytes);
      yield { offset: offset + done, length: part };
      done += part;
    }
  }

  /**
   * The price of a request now, in bytes: to send fewer bytes than this is faster than another request. See
   * `RequestPrice.bytes`.
   */
  get requestPrice(): number | undefined {
    return this.#price.bytes(performance.now());
  }

  /**
   * Waits until `bytes` of content may be sent or fetched under the rate limit. Throws if the work is stopped
   * meanwhile.
   */
  async admit(bytes: number): Promise<void> {
    const wait = bytes > 0 ? (this.#rateLimit?.reserve(performance.now(), bytes) ?? 0) : 0;
    if (wait > 0) await pause(wait, this.#stop);
  }

  /** Records an attempt that ended, and adapts all limits. */
  ended(attempt: AttemptEnd): void {
    const sample = { ...attempt, now: performance.now() };
    const before = this.#concurrency.concurrency;
    this.#price.record(sample, before);
    this.#concurrency.record(sample);
    if (this.#concurrency.concurrency === before) return;
    for (const { limit, max } of this.#limits) limit.concurrency = this.#upTo(max);
  }

  /** Returns the concurrency now, at most `max`: a whole number from 1 on. */
  #upTo(max: number): number {
    return Math.max(1, Math.ceil(Math.min(this.#concurrency.concurrency, max)));
  }
}
