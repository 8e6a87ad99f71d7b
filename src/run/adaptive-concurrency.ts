import type { AttemptEnd } from './retry.js';

/** An attempt that ended, and when: milliseconds of any clock that only goes on. */
export interface Sample extends AttemptEnd {
  readonly now: number;
}

const KIB = 1024;
const FIRST_LANES = 6;
/** With 4 MiB each this is what the memory is meant for; the service takes no more than some fifteen such writes a second. */
const MAX_LANES = 32;
/** What a request costs besides its bytes, in bytes: so that small ones can be counted with large ones. */
const REQUEST_WORK = 16 * KIB;

const MIN_BYTES = 256 * KIB;
/** Before anything is known of the link: six of these are through in half a minute at 200 KiB/s. */
const FIRST_BYTES = 1024 * KIB;
const MAX_BYTES = 4096 * KIB;
/** A request of so many bytes tells how fast the link is. */
const TELLING_BYTES = 64 * KIB;
/** How long a request should take at most. So in flight is never more than the link carries in that time. */
const REQUEST_MS = 10_000;
/** Where they take longer all the same, being as small as they get, there are fewer. */
const LONGEST_MS = 15_000;
/** How far one measurement moves what is thought of the link. */
const WEIGHT = 0.25;

/** An epoch is long enough to be measured: so many milliseconds, requests, and requests a lane. */
const EPOCH_MS = 400;
const EPOCH_REQUESTS = 4;
const EPOCH_ROUNDS = 2;

/** Epochs between two looks whether another lane would help, at first, and when it did not for long. */
const PATIENCE = 4;
const MAX_PATIENCE = 32;
/** What refused may have been a passing trouble. */
const PATIENCE_AFTER_REFUSAL = 2;

/** Of requests refused, the share that is borne is one in so many times the lanes: a lane less would cost more. One alone always is. */
const REFUSALS = 3;
/** After it gave way, this long nothing more is made of refusals. */
const BREATH_MS = 1000;

interface Epoch {
  readonly rate: number;
  readonly latency: number;
  readonly lanes: number;
}

/**
 * How many requests at a time, and how large: found by trying. More lanes as long as more gets through; the number
 * before, where it does not; fewer when the service refuses, or when requests take longer and nothing is gained.
 * Pure: it knows no clock and no network, only what it is told.
 */
export class Pace {
  readonly #isFixed: boolean;
  #lanes: number;
  #msPerByte: number | undefined;
  /** Requests that began before are from before the last change. */
  #changedAt = -Infinity;
  #began: number | undefined;
  #work = 0;
  #busyMs = 0;
  #requests = 0;
  /** What the epochs after a change are compared with. */
  #before: Epoch | undefined;
  /** `grow`, `shrink`: the last change is on trial. */
  #trial: 'grow' | 'shrink' | undefined = 'grow';
  /** Share of late requests that were refused. */
  #refused = 0;
  #yieldedAt = -Infinity;
  #isStarting = true;
  #patience = PATIENCE;
  #held = 0;

  /** `lanes`: a number that does not change. */
  constructor(lanes?: number) {
    this.#isFixed = lanes !== undefined;
    this.#lanes = lanes ?? FIRST_LANES;
  }

  /** Requests at a time. */
  get lanes(): number {
    return this.#lanes;
  }

  /** Bytes of content in a request, at most: a power of two, so that it divides a piece of 4 MiB. */
  get requestBytes(): number {
    if (this.#msPerByte === undefined) return FIRST_BYTES;
    const fitting = REQUEST_MS / this.#msPerByte;
    let bytes = MAX_BYTES;
    while (bytes > MIN_BYTES && bytes > fitting) bytes /= 2;
    return bytes;
  }

  /** Takes note of an attempt that ended. */
  take({ now, bytes, milliseconds, outcome }: Sample): void {
    this.#measureLink(bytes, milliseconds, outcome);
    if (this.#isFixed) return;
    const began = now - milliseconds;
    if (outcome === 'failed' || began < this.#changedAt) return;
    this.#refused += ((outcome === 'throttled' ? 1 : 0) - this.#refused) / (4 * this.#lanes);
    if (outcome === 'throttled') {
      if (this.#refused > 1 / (REFUSALS * this.#lanes)) this.#yield(now);
      return;
    }
    if (this.#began === undefined) {
      this.#began = now;
      return;
    }
    this.#work += bytes + REQUEST_WORK;
    this.#busyMs += milliseconds;
    this.#requests++;
    const elapsed = now - this.#began;
    if (elapsed < EPOCH_MS || this.#requests < Math.max(EPOCH_REQUESTS, EPOCH_ROUNDS * this.#lanes)) return;
    const epoch = { rate: this.#work / elapsed, latency: this.#busyMs / this.#requests, lanes: this.#lanes };
    const isBusy = this.#busyMs / elapsed > 0.7 * this.#lanes;
    this.#beginEpoch(now);
    // Where something else is slower, such as the disk, nothing is to be learnt.
    if (isBusy) this.#judge(epoch, now);
  }

  /** Another kind of work begins: what was measured is no measure for it. */
  restart(): void {
    this.#before = undefined;
    this.#trial = 'grow';
    this.#patience = PATIENCE;
    this.#beginEpoch(undefined);
  }

  #measureLink(bytes: number, milliseconds: number, outcome: Sample['outcome']): void {
    // A small request says more of the way's length than of its width.
    if (bytes < TELLING_BYTES || outcome === 'failed') return;
    const measured = milliseconds / bytes;
    const known = this.#msPerByte;
    // What was refused at once was not carried.
    if (outcome === 'throttled' && measured < (known ?? 0)) return;
    this.#msPerByte = known === undefined ? measured : known + WEIGHT * (measured - known);
  }

  #judge(epoch: Epoch, now: number): void {
    const before = this.#before;
    if (epoch.latency > LONGEST_MS && epoch.lanes > 1) {
      this.#settle(undefined);
      this.#change(Math.floor((epoch.lanes * LONGEST_MS) / epoch.latency), now);
    } else if (!before) {
      if (this.#trial === 'grow') this.#grow(epoch, now);
      else this.#settle(epoch);
    } else {
      this.#compare(epoch, before, now);
    }
  }

  #compare(epoch: Epoch, before: Epoch, now: number): void {
    const gain = epoch.rate / before.rate - 1;
    if (this.#trial === 'grow') {
      const hoped = epoch.lanes / before.lanes - 1;
      if (gain >= hoped / 2) {
        this.#grow(epoch, now);
        return;
      }
      this.#patience = Math.min(MAX_PATIENCE, this.#patience * 2);
      this.#settle(epoch);
      if (gain < hoped / 5) this.#change(before.lanes, now);
    } else if (this.#trial === 'shrink') {
      this.#settle(undefined);
      if (gain < -0.05) this.#change(before.lanes, now);
    } else if (epoch.latency > 1.5 * before.latency && gain < 0.1) {
      this.#before = epoch;
      this.#trial = 'shrink';
      this.#change(Math.floor(epoch.lanes * 0.8), now);
    } else if (++this.#held >= this.#patience) {
      this.#grow(epoch, now);
    }
  }

  #grow(epoch: Epoch, now: number): void {
    const isStarting = this.#isStarting;
    if (epoch.lanes >= MAX_LANES || epoch.latency > REQUEST_MS) {
      this.#settle(epoch);
      return;
    }
    this.#before = epoch;
    this.#trial = 'grow';
    this.#change(Math.ceil(epoch.lanes * (isStarting ? 1.5 : 1.125)), now);
  }

  /** Ends a trial; `epoch` is what comes is measured by, the next one where there is none. */
  #settle(epoch: Epoch | undefined): void {
    this.#isStarting = false;
    this.#trial = undefined;
    this.#before = epoch;
    this.#held = 0;
  }

  /** Fewer at once. What is refused right after is from the same crowd. */
  #yield(now: number): void {
    if (now - this.#yieldedAt < BREATH_MS) return;
    this.#yieldedAt = now;
    this.#patience = PATIENCE_AFTER_REFUSAL;
    this.#settle(undefined);
    this.#change(Math.floor(this.#lanes * 0.8), now);
  }

  #change(lanes: number, now: number): void {
    this.#lanes = Math.min(MAX_LANES, Math.max(1, lanes));
    this.#changedAt = now;
    this.#held = 0;
    this.#refused = 0;
    this.#beginEpoch(undefined);
  }

  #beginEpoch(now: number | undefined): void {
    this.#began = now;
    this.#work = 0;
    this.#busyMs = 0;
    this.#requests = 0;
  }
}
