import { REQUESTS_PER_SECOND } from '../plan/page-blob-limits.js';
import type { Sample } from './adaptive-concurrency.js';

/**
 * Requests of at least this many bytes on average show how fast the link is. Smaller ones show how long a request
 * takes.
 */
export const MIN_LINK_BYTES = 32 * 1024;
/**
 * While the speed of the link is not known, joined requests have at most this many bytes: they show it soon, even on a
 * slow link.
 */
export const PROBE_BYTES = 128 * 1024;
/** A window has at least this many requests, and at least as many as are sent at a time. */
const MIN_REQUESTS = 4;
/**
 * A window counts only if as many requests as allowed ran for more than this fraction of the time. Otherwise something
 * else is the bottleneck.
 */
const MIN_BUSY = 0.6;
/** The factor by which the weight of earlier windows falls with each new one. */
const WEIGHT = 0.75;
/** The least time of a request, in milliseconds, if the service is the bottleneck. */
const MIN_REQUEST_MS = 1000 / REQUESTS_PER_SECOND;
/**
 * Older measurements do not count, in milliseconds. Small requests cost little to send, and a pause of the machine or
 * the service makes them look expensive, so they are measured often; large ones hold up a slow link.
 */
const MAX_AGE_MS = { small: 10_000, large: 300_000 } as const;

/** The weighted sums of requests, bytes and milliseconds of windows of one kind. */
class Windows {
  requests = 0;
  bytes = 0;
  milliseconds = 0;
  readonly #maxAgeMs: number;
  #addedAt = -Infinity;

  constructor(kind: keyof typeof MAX_AGE_MS) {
    this.#maxAgeMs = MAX_AGE_MS[kind];
  }

  add(
    now: number,
    {
      requests,
      bytes,
      milliseconds,
    }: { readonly requests: number; readonly bytes: number; readonly milliseconds: number },
  ): void {
    const weight = this.isKnown(now) ? WEIGHT : 0;
    this.requests = this.requests * weight + requests;
    this.bytes = this.bytes * weight + bytes;
    this.milliseconds = this.milliseconds * weight + milliseconds;
    this.#addedAt = now;
  }

  isKnown(now: number): boolean {
    return now - this.#addedAt <= this.#maxAgeMs;
  }
}

/**
 * Measures the price of a request, in bytes: how many bytes the link carries in the time that a request takes besides
 * its own bytes. Over a window of requests that are sent side by side, time = requests × x + bytes × y. Windows of
 * small requests and windows of large ones give two such equations, and price = x / y. How long a single request took
 * is not used: on a link that is full a small one waits for the bytes of the others. Pure: has neither clock nor
 * network.
 */
export class RequestPrice {
  /** Milliseconds that a byte takes by the limit alone. */
  readonly #limitMsPerByte: number;
  #small = new Windows('small');
  #large = new Windows('large');
  #beganAt: number | undefined;
  #requests = 0;
  #bytes = 0;
  #busyMs = 0;

  /** `limit`: bytes a second that all requests together may send. */
  constructor(limit = Infinity) {
    this.#limitMsPerByte = 1000 / limit;
  }

  /**
   * Records an attempt that ended while `concurrency` requests were sent at a time. Failed attempts, and those without
   * content, do not count.
   */
  record({ now, bytes, milliseconds, outcome }: Sample, concurrency: number): void {
    if (outcome !== 'done' || bytes === 0) return;
    if (this.#beganAt === undefined) {
      this.#begin(now);
      return;
    }
    this.#requests++;
    this.#bytes += bytes;
    this.#busyMs += milliseconds;
    if (this.#requests < Math.max(MIN_REQUESTS, concurrency)) return;
    const elapsed = now - this.#beganAt;
    if (elapsed > 0 && this.#busyMs > MIN_BUSY * concurrency * elapsed) {
      const windows = this.#bytes / this.#requests < MIN_LINK_BYTES ? this.#small : this.#large;
      windows.add(now, { requests: this.#requests, bytes: this.#bytes, milliseconds: elapsed });
    }
    this.#begin(now);
  }

  /**
   * Returns the price now, in bytes. Returns `undefined` if no large requests have shown the speed of the link lately,
   * and 0 if no small ones have shown how long a request takes: then some have to be sent. With a limit, the limit
   * gives the price instead.
   */
  bytes(now: number): number | undefined {
    const [small, large] = [this.#small, this.#large];
    if (!small.isKnown(now) || !large.isKnown(now)) {
      if (this.#limitMsPerByte > 0) return MIN_REQUEST_MS / this.#limitMsPerByte;
      return large.isKnown(now) ? 0 : undefined;
    }
    // Cramer's rule; the determinant is positive, since large requests have more bytes each.
    const determinant = small.requests * large.bytes - large.requests * small.bytes;
    const requestMs = (small.milliseconds * large.bytes - large.milliseconds * small.bytes) / determinant;
    const msPerByte = (small.requests * large.milliseconds - large.requests * small.milliseconds) / determinant;
    return Math.max(requestMs, MIN_REQUEST_MS) / Math.max(msPerByte, this.#limitMsPerByte, Number.MIN_VALUE);
  }

  /** Forgets all measurements, for another kind of work. */
  restart(): void {
    this.#small = new Windows('small');
    this.#large = new Windows('large');
    this.#begin(undefined);
  }

  #begin(now: number | undefined): void {
    this.#beganAt = now;
    this.#requests = 0;
    this.#bytes = 0;
    this.#busyMs = 0;
  }
}
