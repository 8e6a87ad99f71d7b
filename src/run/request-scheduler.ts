import { pause, type AttemptEnd, type Pacer, type Stop } from './retry.js';
import type { Range } from '../bytes/range.js';
import { Pace } from './adaptive-concurrency.js';
import type { Lanes } from './concurrency.js';
import { RateLimit } from './rate-limit.js';
import { RequestPrice } from './request-price.js';

/** Memory for content, at the pace's own choice: 32 pieces of 4 MiB, or 20 where each is there twice. */
const MEMORY = 160 * 1024 * 1024;
/** With a limit, no request is larger than what it lets through in a second; but this is always allowed. */
const SMALLEST_BYTES = 64 * 1024;

/** All requests of a piece of work: how many at a time, how large, and how many bytes a second. */
export class Traffic implements Pacer {
  readonly #stop: Stop;
  readonly #pace: Pace;
  readonly #price: RequestPrice;
  readonly #isFixed: boolean;
  readonly #limit: RateLimit | undefined;
  readonly #largest: number;

  /** `concurrency` fixes how many requests there are at a time; `limit` is in bytes a second. */
  constructor(stop: Stop, concurrency: number | undefined, limit: number | undefined) {
    this.#stop = stop;
    this.#pace = new Pace(concurrency);
    this.#price = new RequestPrice(limit);
    this.#isFixed = concurrency !== undefined;
    this.#limit = limit === undefined ? undefined : new RateLimit(limit);
    this.#largest = limit === undefined ? Infinity : Math.max(SMALLEST_BYTES, 2 ** Math.floor(Math.log2(limit)));
  }

  /** For a new kind of work that needs so many bytes of memory for each of its items. */
  lanes(memory = 0): Lanes {
    this.#pace.restart();
    this.#price.restart();
    const pace = this.#pace;
    const most = this.#isFixed || memory === 0 ? Infinity : Math.floor(MEMORY / memory);
    return {
      get count() {
        return Math.min(pace.lanes, most);
      },
    };
  }

  /** A range in parts, each for a request; how large the next one is is decided when it is asked for. */
  *requests({ offset, length }: Range): Generator<Range> {
    for (let done = 0; done < length;) {
      const part = Math.min(length - done, this.#pace.requestBytes, this.#largest);
      yield { offset: offset + done, length: part };
      done += part;
    }
  }

  /** The price of a request now, in bytes: sending fewer bytes than this is faster than another request. See `RequestPrice.bytes`. */
  get requestPrice(): number | undefined {
    return this.#price.bytes(performance.now());
  }

  async admit(bytes: number): Promise<void> {
    const wait = bytes > 0 ? (this.#limit?.reserve(performance.now(), bytes) ?? 0) : 0;
    if (wait > 0) await pause(wait, this.#stop);
  }

  ended(attempt: AttemptEnd): void {
    const sample = { ...attempt, now: performance.now() };
    this.#price.take(sample, this.#pace.lanes);
    this.#pace.take(sample);
  }
}
