import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Bench } from '../bench.js';
import type { LeafTotals } from '../leaves.js';
import { measure, type Run } from '../measure.js';

export const VHDUP = fileURLToPath(new URL('../../bin/vhdup.js', import.meta.url));

/** What the harness reads of the result of `push --json`. */
export interface Pushed {
  readonly outcome: string;
  readonly sent: number;
  readonly requests: number;
  /** Bytes of `sent` that are gaps between changes. */
  readonly gaps: number;
  readonly copied: number;
  readonly contentMd5?: string;
  readonly base?: { readonly check?: string };
}

/** The same of `push --dry-run --json`. */
export interface Planned {
  readonly gap: number;
  readonly totals: { readonly send: number; readonly gaps: number };
  /** In bytes, if the disk was compared with the base by its leaves. */
  readonly leaves?: LeafTotals;
}

/** Pushes a disk, by the tool as a process; `cache` is the folder of the digest cache, by default a new one. Throws unless it was pushed. */
export async function pushWithVhdup(
  bench: Bench,
  path: string,
  flags: readonly string[],
  cache?: string,
): Promise<Run & { readonly result: Pushed }> {
  const run = await vhdup(bench, ['push', path, '--json', ...flags], cache);
  const result = JSON.parse(run.stdout) as Pushed;
  if (result.outcome !== 'pushed') throw new Error(`vhdup push ${path}: ${result.outcome}`);
  return { ...run, result };
}

/** Plans a push; `cache` as above. */
export async function planWithVhdup(
  bench: Bench,
  path: string,
  flags: readonly string[],
  cache?: string,
): Promise<Run & { readonly plan: Planned }> {
  const run = await vhdup(bench, ['push', path, '--json', '--dry-run', ...flags], cache);
  return { ...run, plan: JSON.parse(run.stdout) as Planned };
}

/** What an earlier run has learnt of a disk would make the next one's work less: so each has a digest cache of its own. */
function vhdup(
  { folder }: Bench,
  args: readonly string[],
  cache = join(folder, `cache-${randomUUID()}`),
): Promise<Run> {
  return measure(process.execPath, [VHDUP, ...args], {
    VHDUP_STATE_DIR: join(folder, 'state'),
    VHDUP_CACHE_DIR: cache,
  });
}
