import type { Test } from 'tap';

/** The test of the file that is loaded now: what `import t from 'tap'` gives it. */
export const current: { test?: Test } = {};
