import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Bench } from '../bench.js';
import { measure, type Run } from '../measure.js';

export const VHDUP = fileURLToPath(new URL('../../bin/vhdup.js', import.meta.url));

/** What the harness reads of the result of `push --json`. */
export interface Pushed {
  readonly outcome: string;
  readonly sent: number;
  readonly requests: number;
  readonly contentMd5?: string;
}

/** The same of `push --dry-run --json`. */
export interface Planned {
  readonly gap: number;
  readonly totals: { readonly send: number; readonly gaps: number };
}

/** Pushes a disk, by the tool as a process. Throws unless it was pushed. */
export async function pushWithVhdup(bench: Bench, path: string, flags: readonly string[]): Promise<Run & { readonly result: Pushed }> {
  const run = await vhdup(bench, ['push', path, '--json', ...flags]);
  const result = JSON.parse(run.stdout) as Pushed;
  if (result.outcome !== 'pushed') throw new Error(`vhdup push ${path}: ${result.outcome}`);
  return { ...run, result };
}

/** Plans a push; `cache` is the folder of the digest cache, by default one that all runs share. */
export async function planWithVhdup(bench: Bench, path: string, flags: readonly string[], cache?: string): Promise<Run & { readonly plan: Planned }> {
  const run = await vhdup(bench, ['push', path, '--json', '--dry-run', ...flags], cache);
  return { ...run, plan: JSON.parse(run.stdout) as Planned };
}

function vhdup({ folder }: Bench, args: readonly string[], cache = join(folder, 'cache')): Promise<Run> {
  return measure(process.execPath, [VHDUP, ...args], { VHDUP_STATE_DIR: join(folder, 'state'), VHDUP_CACHE_DIR: cache });
}
