import { mkdir, readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Test } from 'tap';
import type { PullOptions } from '../../src/index.js';
import { PullOutput } from '../../src/pull/output.js';
import { readPullRecord, type PullRecord } from '../../src/pull/record.js';
import { ownerOf } from './owners.js';
import { pullScene, type PullScene } from './pull-scene.js';

/** This process as another machine sees it: neither known to run nor to be gone. */
export const elsewhere = () => ({ ...ownerOf(process.pid), boot: '00000000-0000-4000-8000-000000000000' });

/** A blob to pull, and an output that nothing is left beside. */
export async function pullLocks(
  t: Test,
): Promise<PullScene & { out: string; output: PullOutput; remains: () => Promise<string[]> }> {
  const pulls = await pullScene(t);
  await pulls.pushed(pulls.scene.child, { to: pulls.uri('disk') });
  const own = join(pulls.folder, 'out');
  await mkdir(own);
  const out = join(own, 'out.vhd');
  return {
    ...pulls,
    out,
    output: new PullOutput(out, false),
    remains: async () => (await readdir(own)).filter((name) => name !== basename(out)),
  };
}

/** Begins a pull that ends after some of its reads, with a part file and a record. */
export async function begin(
  { gate, pulled, out, output }: Awaited<ReturnType<typeof pullLocks>>,
  options: PullOptions = {},
): Promise<PullRecord> {
  let reads = 0;
  gate.onRequest = ({ kind }) => (kind === 'read' && ++reads === 4 ? { status: 403 } : undefined);
  try {
    await pulled('disk', out, { concurrency: 1, recordEvery: 512, ...options });
  } catch (error) {
    if ((error as { code?: string }).code !== 'not-authorised') throw error;
  }
  gate.onRequest = () => undefined;
  const record = await readPullRecord(output.recordPath);
  if (!record) throw new Error('no record');
  return record;
}

/** Has the next content read wait: resolves when there is one, and returns what lets it go on. */
export function holdRead({ gate }: PullScene): { isHeld: Promise<void>; goOn: () => void } {
  let goOn = () => {};
  const isLet = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  const isHeld = new Promise<void>((resolve) => {
    gate.onRequest = async ({ kind, range }) => {
      if (kind !== 'read' || !range || range.length <= 512) return undefined;
      gate.onRequest = () => undefined;
      resolve();
      await isLet;
      return undefined;
    };
  });
  return { isHeld, goOn };
}

/** The inode of a file: the same file has the same one under any name. */
export async function inodeOf(path: string): Promise<bigint> {
  return (await stat(path, { bigint: true })).ino;
}
