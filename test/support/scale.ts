/**
 * The share of their cases that the tests with hundreds and thousands of them run: all, unless `VHDUP_TEST_SCALE` says
 * less (CI does for its second version of Node).
 */
const SCALE = Math.min(1, Number(process.env['VHDUP_TEST_SCALE'] ?? 1));
/** How many times as many cases the long forms of the properties run (`npm run test:soak`). */
const TIMES = Math.max(1, Number(process.env['VHDUP_TIMES'] ?? 1));

/** The share of random cases, unless `VHDUP_TEST_SCALE` says less: the long forms run all of them, each time with another seed. */
const RANDOM_SHARE = process.env['VHDUP_TIMES'] === undefined ? 0.3 : 1;

/** Returns how many of `count` random cases to run: at least one, and in a long form more than `count`. */
export function scaled(count: number): number {
  return Math.max(1, Math.round(count * Math.min(SCALE, RANDOM_SHARE) * TIMES));
}

/** The seed of random cases: `VHDUP_SEED` repeats one. */
export function seedOfRun(): number {
  return Number(process.env['VHDUP_SEED'] ?? Date.now() % 2 ** 31);
}

/** Whether the case with this number, from 0, is run; with less than all of them they are spread evenly. */
export function isRun(index: number): boolean {
  return Math.floor((index + 1) * SCALE) > Math.floor(index * SCALE);
}
