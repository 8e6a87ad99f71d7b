import type { Bench } from '../bench.js';
import type { Findings } from '../results.js';
import { rebuiltBytes } from './rebuilt/bytes.js';
import { rebuiltComparison } from './rebuilt/comparison.js';
import { rebuiltList } from './rebuilt/list.js';
import { rebuiltMemory } from './rebuilt/memory.js';
import { rebuiltWall } from './rebuilt/wall.js';

const PARTS = [rebuiltBytes, rebuiltWall, rebuiltComparison, rebuiltList, rebuiltMemory];

/** Goals 17 to 21: a disk over a base that is no parent of it. A part that fails leaves the others their results. */
export async function rebuilt(bench: Bench): Promise<Findings> {
  const found: Findings[] = [];
  const errors: unknown[] = [];
  for (const part of PARTS) {
    await part(bench).then(
      (findings) => found.push(findings),
      (error: unknown) => {
        bench.say(`rebuilt, ${part.name} failed: ${error instanceof Error ? error.message : String(error)}`);
        errors.push(error);
      },
    );
  }
  if (found.length === 0) throw errors[0];
  if (errors.length > 0) process.exitCode = 1;
  return { rows: found.flatMap(({ rows }) => rows), goals: found.flatMap(({ goals }) => goals) };
}
