import { createHash } from 'node:crypto';
import type { LeafRun } from '../../src/digest/tree.js';

/** The value of a leaf that is different for each name. */
export function leafValue(name: string | number): Buffer {
  return createHash('sha256').update(`leaf ${name}`).digest();
}

/** Runs with leaves at these places, in ascending order; each has a value of its own. */
export function leafRuns(leaves: readonly number[]): LeafRun[] {
  return leaves.map((index) => ({ index, values: leafValue(index) }));
}

/** The runs of a model, from the value of each leaf; those without one are zero. */
export function runsOfModel(model: ReadonlyMap<number, string>): LeafRun[] {
  return [...model]
    .sort(([a], [b]) => a - b)
    .map(([index, name]) => ({ index, values: name === 'zero' ? Buffer.alloc(32) : leafValue(name) }));
}

/** The runs one after the other, as a source of leaves yields them. */
export async function* fromRuns(runs: readonly LeafRun[]): AsyncGenerator<LeafRun> {
  await Promise.resolve();
  yield* runs;
}
