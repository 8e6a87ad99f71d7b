import type { Goal } from './results.js';

interface Wanted {
  readonly number: number;
  readonly what: string;
  readonly reached: number | undefined;
  readonly unit?: string;
  readonly note?: string | undefined;
}

/** A goal that is met where what is reached is no more than `limit`; without a unit it is a ratio. */
export function atMost(limit: number, wanted: Wanted): Goal {
  return goal(limit, false, wanted);
}

/** A goal that is met where what is reached is no less than `limit`. */
export function atLeast(limit: number, wanted: Wanted): Goal {
  return goal(limit, true, wanted);
}

function goal(limit: number, isLeast: boolean, { number, what, reached, unit = '×', note }: Wanted): Goal {
  const met =
    reached === undefined || Number.isNaN(reached) ? undefined : isLeast ? reached >= limit : reached <= limit;
  return { number, what, limit, atLeast: isLeast, unit, reached, met, note };
}

/** `undefined` where one of the two was not measured. */
export function ratio(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : a / b;
}
