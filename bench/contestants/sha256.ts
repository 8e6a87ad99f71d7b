import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Bench } from '../bench.js';
import type { Extent } from '../inputs/input.js';
import { measure, type Run } from '../measure.js';
import type { Sha256Job } from './sha256-process.js';

/** Computes SHA-256 of ranges of a file with as many threads as there are cores. */
export async function sha256OfRanges(
  { folder, programs }: Bench,
  file: string,
  ranges: readonly Extent[],
): Promise<Run> {
  const job: Sha256Job = { file, ranges };
  const path = join(folder, 'sha256.json');
  await writeFile(path, JSON.stringify(job));
  return measure(process.execPath, [programs.sha256, path]);
}
