import { open, readFile, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { VhdupError } from '../errors.js';
import { unwritable } from '../disk/output-file.js';
import { isAlive } from '../session/holder.js';

/** The locks of this process, by path. */
const held = new Set<string>();

/**
 * Does `work` while no other pull writes to the same part file; throws `destination-busy` where one does. What a crashed
 * process of this machine left is taken over.
 */
export async function whileLocked<T>(path: string, work: () => Promise<T>): Promise<T> {
  if (held.has(path)) throw inUse(path, 'this process is pulling to it already');
  held.add(path);
  try {
    await take(path);
    try {
      return await work();
    } finally {
      await rm(path, { force: true }).catch(() => undefined);
    }
  } finally {
    held.delete(path);
  }
}

async function take(path: string): Promise<void> {
  const own = `${process.pid} ${hostname()}`;
  for (let isSecond = false; ; isSecond = true) {
    try {
      const file = await open(path, 'wx', 0o600);
      try {
        await file.writeFile(own);
      } finally {
        await file.close();
      }
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw unwritable(path, 'make it', error);
    }
    const holder = await readFile(path, 'utf8').catch(() => '');
    const [pid = '', host = ''] = holder.split(' ', 2);
    if (isSecond || host !== hostname() || (holder !== own && isAlive(Number(pid)))) throw inUse(path, `process ${pid} on ${host} is pulling to it`);
    await rm(path, { force: true });
  }
}

function inUse(path: string, problem: string): VhdupError {
  return new VhdupError('destination-busy', `${path}: ${problem}`, { hint: 'wait for it to end; if no such process runs, delete this file' });
}
