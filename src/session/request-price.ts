import type { Sample } from './pace.js';

/** A request of at least so many bytes shows how fast the link is. */
export const MIN_LINK_BYTES = 64 * 1024;
/** How far one measurement moves the estimate. */
const WEIGHT = 0.25;
/** By the service's target of 500 requests a second for one blob: no request is cheaper. */
const SERVICE_MS = 2;
/** An estimate of the link that is older is taken anew. */
const MAX_AGE_MS = 60_000;
/** Until then, one request in this time measures the link: with all of them a slow one would do little else. */
const PROBE_EACH_MS = 10_000;

/**
 * What a request costs, in bytes: so many more could be sent in the time that it takes besides its own. Small requests show that
 * time, large ones the speed of the link, both while the same number of requests is under way.
 * Pure: has neither clock nor network.
 */
export class RequestPrice {
  readonly #limit: number;
  /** What a request takes besides its bytes. */
  #requestMs = 0;
  #msPerByte: number | undefined;
  #measuredAt = -Infinity;
  #probedAt = -Infinity;

  /** `limit`: bytes a second that all requests together may send. */
  constructor(limit = Infinity) {
    this.#limit = limit;
  }

  /** Takes an attempt that ended. Those that failed, or carried nothing, show nothing. */
  take({ now, bytes, milliseconds, outcome }: Sample): void {
    if (outcome !== 'done' || bytes === 0) return;
    if (bytes < MIN_LINK_BYTES) {
      const rest = Math.max(0, milliseconds - bytes * (this.#msPerByte ?? 0));
      this.#requestMs = this.#requestMs === 0 ? rest : moved(this.#requestMs, rest);
    } else {
      const perByte = Math.max(milliseconds - this.#requestMs, milliseconds / 8) / bytes;
      this.#msPerByte = this.#msPerByte === undefined || now - this.#measuredAt > MAX_AGE_MS ? perByte : moved(this.#msPerByte, perByte);
      this.#measuredAt = now;
    }
  }

  /** Another kind of work begins: forgets what was measured. */
  restart(): void {
    this.#requestMs = 0;
    this.#msPerByte = undefined;
  }

  /**
   * Returns the price now, in bytes, while so many requests are under way; `undefined` if a large request should show the link:
   * as long as none has, and once in a while when the last one was a minute ago.
   */
  bytes(now: number, lanes: number): number | undefined {
    if (this.#msPerByte === undefined) return undefined;
    if (now - this.#measuredAt > MAX_AGE_MS && now - this.#probedAt > PROBE_EACH_MS) {
      this.#probedAt = now;
      return undefined;
    }
    const perByte = Math.max(this.#msPerByte, (1000 * lanes) / this.#limit);
    return Math.max(this.#requestMs, SERVICE_MS * lanes) / perByte;
  }
}

function moved(known: number, measured: number): number {
  return known + WEIGHT * (measured - known);
}
