/** Amounts older than this do not count. */
const WINDOW_MS = 10_000;
/** A rate over less time than this is not reliable. */
const MIN_MS = 1000;
/** At most one sample is kept for this much time. */
const SAMPLE_MS = 200;

/** The rate at which an amount has grown during the last seconds. Times are in milliseconds. */
export class RecentRate {
  readonly #samples: { at: number; amount: number }[] = [];

  /** Records how much it is now. */
  add(amount: number, at: number): void {
    const previous = this.#samples.at(-2);
    const last = this.#samples.at(-1);
    if (previous && last && last.at - previous.at < SAMPLE_MS) {
      last.at = at;
      last.amount = amount;
    } else {
      this.#samples.push({ at, amount });
    }
    while (this.#samples.length > 2 && at - (this.#samples[1]?.at ?? at) >= WINDOW_MS) this.#samples.shift();
  }

  /** Returns the growth in a second; `undefined` if too little time has passed to say. */
  perSecond(now: number): number | undefined {
    const first = this.#samples.findLast(({ at }) => now - at >= WINDOW_MS) ?? this.#samples[0];
    const last = this.#samples.at(-1);
    if (!first || !last || now - first.at < MIN_MS) return undefined;
    return ((last.amount - first.amount) / (now - first.at)) * 1000;
  }
}
