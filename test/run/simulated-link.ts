import type { AdaptiveConcurrency } from '../../src/run/adaptive-concurrency.js';

/** A way to a server, as a simulation has it. Amounts are bytes and milliseconds. */
export interface Link {
  /** What all connections together carry in a millisecond, and one alone. */
  readonly total: number;
  readonly each: number;
  readonly roundTrip: number;
  /** What the server takes in a second; it refuses what is more, with a second's reserve. */
  readonly server?: { readonly requests: number; readonly bytes: number } | undefined;
  /** The share of requests that it refuses for no reason. */
  readonly stray?: number | undefined;
  /** Size of the work's requests where they are smaller than the pace allows. */
  readonly requestBytes?: number | undefined;
}

/** What a stretch of the simulation showed. */
export interface Stretch {
  /** Bytes a millisecond that were taken. */
  readonly rate: number;
  readonly refused: number;
  readonly done: number;
  readonly oldest: number;
  readonly lanes: readonly number[];
  readonly sizes: readonly number[];
}

interface Lane {
  bytes: number;
  left: number;
  begun: number;
  /** Until then the request is on its way, or the lane waits before it tries again. */
  until: number;
  state: 'idle' | 'sending' | 'answered' | 'waiting';
  isRefused: boolean;
  refusals: number;
}

const STEP = 2;

/** Lanes that send one request after the other over a link, as the pace says; the link may change between stretches. */
export class Simulation {
  readonly #pace: AdaptiveConcurrency;
  readonly #random: () => number;
  readonly #lanes: Lane[] = [];
  #now = 0;
  #tokens: { requests: number; bytes: number } | undefined;

  constructor(pace: AdaptiveConcurrency, random: () => number) {
    this.#pace = pace;
    this.#random = random;
  }

  /** Goes on for so many milliseconds. */
  run(link: Link, milliseconds: number): Stretch {
    const end = this.#now + milliseconds;
    const seen = { bytes: 0, refused: 0, done: 0, oldest: 0, lanes: [] as number[], sizes: [] as number[] };
    for (; this.#now < end; this.#now += STEP) {
      this.#refill(link);
      const sending = this.#lanes.filter(({ state, until }) => state === 'sending' && until <= this.#now);
      const share = Math.min(link.each, link.total / Math.max(1, sending.length)) * STEP;
      for (const lane of sending) {
        lane.left -= share;
        if (lane.left <= 0) this.#arrive(lane, link);
      }
      this.#lanes.forEach((lane) => {
        if (lane.state === 'answered' && lane.until <= this.#now) this.#end(lane, seen);
        if (lane.state === 'waiting' && lane.until <= this.#now) this.#begin(lane, link);
        if (lane.state === 'sending') seen.oldest = Math.max(seen.oldest, this.#now - lane.begun);
      });
      while (this.#lanes.filter(({ state }) => state !== 'idle').length < this.#pace.concurrency) {
        let lane = this.#lanes.find(({ state }) => state === 'idle');
        if (!lane)
          this.#lanes.push(
            (lane = { bytes: 0, left: 0, begun: 0, until: 0, state: 'idle', isRefused: false, refusals: 0 }),
          );
        lane.refusals = 0;
        lane.bytes = Math.min(this.#pace.requestBytes, link.requestBytes ?? Infinity);
        this.#begin(lane, link);
      }
      seen.lanes.push(this.#pace.concurrency);
      seen.sizes.push(this.#pace.requestBytes);
    }
    return { ...seen, rate: seen.bytes / milliseconds };
  }

  #begin(lane: Lane, { roundTrip }: Link): void {
    Object.assign(lane, {
      left: lane.bytes,
      begun: this.#now,
      until: this.#now + this.#half(roundTrip),
      state: 'sending',
    });
  }

  #arrive(lane: Lane, { roundTrip, server, stray = 0 }: Link): void {
    lane.isRefused =
      this.#random() < stray ||
      (server !== undefined &&
        this.#tokens !== undefined &&
        (this.#tokens.requests < 1 || this.#tokens.bytes < lane.bytes));
    if (this.#tokens && !lane.isRefused) {
      this.#tokens.requests--;
      this.#tokens.bytes -= lane.bytes;
    }
    lane.state = 'answered';
    lane.until = this.#now + this.#half(roundTrip);
  }

  #end(lane: Lane, seen: { bytes: number; refused: number; done: number }): void {
    this.#pace.record({
      now: this.#now,
      bytes: lane.bytes,
      milliseconds: this.#now - lane.begun,
      outcome: lane.isRefused ? 'throttled' : 'done',
    });
    if (lane.isRefused) {
      seen.refused++;
      lane.state = 'waiting';
      lane.until = this.#now + 250 * 2 ** lane.refusals++ * (0.5 + this.#random() / 2);
    } else {
      seen.done++;
      seen.bytes += lane.bytes;
      lane.state = 'idle';
    }
  }

  /** Half a round trip, which is never the same twice. */
  #half(roundTrip: number): number {
    return (roundTrip / 2) * (0.75 + this.#random() / 2);
  }

  #refill({ server }: Link): void {
    if (!server) return void (this.#tokens = undefined);
    this.#tokens ??= { ...server };
    this.#tokens.requests = Math.min(server.requests, this.#tokens.requests + (server.requests * STEP) / 1000);
    this.#tokens.bytes = Math.min(server.bytes, this.#tokens.bytes + (server.bytes * STEP) / 1000);
  }
}
