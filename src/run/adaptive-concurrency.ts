import { MAX_WRITE } from '../plan/page-blob-limits.js';
import type { AttemptEnd } from './retry.js';

/** An attempt that ended, and when: milliseconds of any clock that never goes back. */
export interface Sample extends AttemptEnd {
  readonly now: number;
}

const KIB = 1024;
const INITIAL_CONCURRENCY = 6;
/**
 * With 4 MiB each, this many requests fill the memory for content. The service takes about fifteen such writes a
 * second.
 */
const MAX_CONCURRENCY = 32;
/** The cost of a request besides its bytes, in bytes, so that small requests can be added to large ones. */
const REQUEST_WORK = 16 * KIB;

const MIN_BYTES = 256 * KIB;
/** The size of requests before the link was measured: six of them take half a minute at 200 KiB/s. */
const INITIAL_BYTES = 1024 * KIB;
/** Requests of at least this many bytes show how fast the link is. Smaller ones show the round trip instead. */
const MIN_SAMPLE_BYTES = 64 * KIB;
/**
 * The longest that a request should take, in milliseconds. So no more is in flight than the link carries in this time.
 */
const TARGET_REQUEST_MS = 10_000;
/** If the smallest requests take longer than this, in milliseconds, fewer are sent at a time. */
const MAX_REQUEST_MS = 15_000;
/** The weight of a new measurement of the link. */
const WEIGHT = 0.25;

/**
 * An epoch has at least this many milliseconds, this many requests, and this many requests for each that runs at a
 * time.
 */
const EPOCH_MS = 400;
const EPOCH_REQUESTS = 4;
const EPOCH_ROUNDS = 2;

/** Epochs between two probes whether more requests at a time help. It doubles with each probe that did not help. */
const PROBE_INTERVAL = 4;
const MAX_PROBE_INTERVAL = 32;
/** The same after throttling, which may have been short. */
const THROTTLED_PROBE_INTERVAL = 2;

/**
 * Throttling is tolerated up to the share 1 / (this number × concurrency) of all requests: one request less at a time
 * would cost more. A single one is always tolerated.
 */
const THROTTLING_TOLERANCE = 3;
/** After the concurrency was reduced because of throttling, more throttling is ignored for this many milliseconds. */
const COOLDOWN_MS = 1000;

interface Epoch {
  readonly rate: number;
  readonly latency: number;
  readonly concurrency: number;
}

/**
 * Finds out how many requests at a time are best, and how large. The concurrency grows as long as that gives more
 * throughput, and goes back if it does not. It falls when the service throttles, or when requests take longer without a
 * gain. Pure: has neither clock nor network.
 */
export class AdaptiveConcurrency {
  readonly #isFixed: boolean;
  #concurrency: number;
  #msPerByte: number | undefined;
  /** Requests that began earlier do not count: they began before the last change. */
  #changedAt = -Infinity;
  #epochBegan: number | undefined;
  #work = 0;
  #busyMs = 0;
  #requests = 0;
  /** The epoch that later ones are compared with. */
  #before: Epoch | undefined;
  /** The last change, while it is on trial. */
  #trial: 'grow' | 'shrink' | undefined = 'grow';
  /** The share of recent requests that were throttled. */
  #throttledShare = 0;
  #backedOffAt = -Infinity;
  #isStarting = true;
  #probeInterval = PROBE_INTERVAL;
  #epochsSinceChange = 0;

  /** `concurrency`: a fixed number of requests at a time. Default: it adapts. */
  constructor(concurrency?: number) {
    this.#isFixed = concurrency !== undefined;
    this.#concurrency = concurrency ?? INITIAL_CONCURRENCY;
  }

  /** Requests at a time. */
  get concurrency(): number {
    return this.#concurrency;
  }

  /** The most bytes of content in a request: a power of two, so that a window of 4 MiB is a multiple of it. */
  get requestBytes(): number {
    if (this.#msPerByte === undefined) return INITIAL_BYTES;
    const fitting = TARGET_REQUEST_MS / this.#msPerByte;
    let bytes = MAX_WRITE;
    while (bytes > MIN_BYTES && bytes > fitting) bytes /= 2;
    return bytes;
  }

  /** Records an attempt that ended. */
  record({ now, bytes, milliseconds, outcome }: Sample): void {
    this.#measureLink(bytes, milliseconds, outcome);
    if (this.#isFixed) return;
    const began = now - milliseconds;
    if (outcome === 'failed' || began < this.#changedAt) return;
    this.#throttledShare += ((outcome === 'throttled' ? 1 : 0) - this.#throttledShare) / (4 * this.#concurrency);
    if (outcome === 'throttled') {
      if (this.#throttledShare > 1 / (THROTTLING_TOLERANCE * this.#concurrency)) this.#backOff(now);
      return;
    }
    if (this.#epochBegan === undefined) {
      this.#epochBegan = now;
      return;
    }
    this.#work += bytes + REQUEST_WORK;
    this.#busyMs += milliseconds;
    this.#requests++;
    const elapsed = now - this.#epochBegan;
    if (elapsed < EPOCH_MS || this.#requests < Math.max(EPOCH_REQUESTS, EPOCH_ROUNDS * this.#concurrency)) return;
    const epoch = {
      rate: this.#work / elapsed,
      latency: this.#busyMs / this.#requests,
      concurrency: this.#concurrency,
    };
    const isBusy = this.#busyMs / elapsed > 0.7 * this.#concurrency;
    this.#beginEpoch(now);
    // If something else is the bottleneck, such as the disk, the epoch shows nothing.
    if (isBusy) this.#judge(epoch, now);
  }

  /** Forgets what was measured, for another kind of work. The concurrency stays. */
  restart(): void {
    this.#before = undefined;
    this.#trial = 'grow';
    this.#probeInterval = PROBE_INTERVAL;
    this.#beginEpoch(undefined);
  }

  #measureLink(bytes: number, milliseconds: number, outcome: Sample['outcome']): void {
    if (bytes < MIN_SAMPLE_BYTES || outcome === 'failed') return;
    const measured = milliseconds / bytes;
    const known = this.#msPerByte;
    // The bytes of a request that was throttled at once were not carried.
    if (outcome === 'throttled' && measured < (known ?? 0)) return;
    this.#msPerByte = known === undefined ? measured : known + WEIGHT * (measured - known);
  }

  #judge(epoch: Epoch, now: number): void {
    const before = this.#before;
    if (epoch.latency > MAX_REQUEST_MS && epoch.concurrency > 1) {
      this.#endTrial(undefined);
      this.#change(Math.floor((epoch.concurrency * MAX_REQUEST_MS) / epoch.latency), now);
    } else if (!before) {
      if (this.#trial === 'grow') this.#grow(epoch, now);
      else this.#endTrial(epoch);
    } else {
      this.#compare(epoch, before, now);
    }
  }

  #compare(epoch: Epoch, before: Epoch, now: number): void {
    const gain = epoch.rate / before.rate - 1;
    if (this.#trial === 'grow') {
      const hoped = epoch.concurrency / before.concurrency - 1;
      if (gain >= hoped / 2) {
        this.#grow(epoch, now);
        return;
      }
      this.#probeInterval = Math.min(MAX_PROBE_INTERVAL, this.#probeInterval * 2);
      this.#endTrial(epoch);
      if (gain < hoped / 5) this.#change(before.concurrency, now);
    } else if (this.#trial === 'shrink') {
      this.#endTrial(undefined);
      if (gain < -0.05) this.#change(before.concurrency, now);
    } else if (epoch.latency > 1.5 * before.latency && gain < 0.1) {
      this.#before = epoch;
      this.#trial = 'shrink';
      this.#change(Math.floor(epoch.concurrency * 0.8), now);
    } else if (++this.#epochsSinceChange >= this.#probeInterval) {
      this.#grow(epoch, now);
    }
  }

  #grow(epoch: Epoch, now: number): void {
    const isStarting = this.#isStarting;
    if (epoch.concurrency >= MAX_CONCURRENCY || epoch.latency > TARGET_REQUEST_MS) {
      this.#endTrial(epoch);
      return;
    }
    this.#before = epoch;
    this.#trial = 'grow';
    this.#change(Math.ceil(epoch.concurrency * (isStarting ? 1.5 : 1.125)), now);
  }

  /** Ends a trial. Later epochs are compared with `epoch`; if it is `undefined`, with the next one. */
  #endTrial(epoch: Epoch | undefined): void {
    this.#isStarting = false;
    this.#trial = undefined;
    this.#before = epoch;
    this.#epochsSinceChange = 0;
  }

  /**
   * Reduces the concurrency because of throttling. What is throttled right afterwards was sent before, and is ignored.
   */
  #backOff(now: number): void {
    if (now - this.#backedOffAt < COOLDOWN_MS) return;
    this.#backedOffAt = now;
    this.#probeInterval = THROTTLED_PROBE_INTERVAL;
    this.#endTrial(undefined);
    this.#change(Math.floor(this.#concurrency * 0.8), now);
  }

  #change(concurrency: number, now: number): void {
    this.#concurrency = Math.min(MAX_CONCURRENCY, Math.max(1, concurrency));
    this.#changedAt = now;
    this.#epochsSinceChange = 0;
    this.#throttledShare = 0;
    this.#beginEpoch(undefined);
  }

  #beginEpoch(now: number | undefined): void {
    this.#epochBegan = now;
    this.#work = 0;
    this.#busyMs = 0;
    this.#requests = 0;
  }
}
