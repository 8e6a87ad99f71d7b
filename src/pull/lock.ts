import { VhdupError } from '../errors.js';
import { unwritable } from '../disk/output-file.js';
import type { Session } from '../session/session.js';
import { Lock, type Busy } from '../state/lock.js';
import type { PullOutput } from './output.js';

/**
 * Acquires the lock of an output, so that no other pull writes to it. Takes over the lock of a crashed process: at once if its end
 * can be proved, else after ten seconds without a heartbeat. Throws `destination-busy` if another process holds the lock, and
 * `output-unwritable`.
 */
export async function lockOutput(session: Session, { lockPath }: PullOutput): Promise<Lock> {
  const lock = await acquire(session, lockPath);
  if (lock instanceof Lock) return lock;
  const { holder } = lock;
  throw new VhdupError(
    'destination-busy',
    `${lockPath}: ${holder ? `process ${holder.pid} on ${holder.host}` : 'another process'} is pulling to it`,
    { hint: 'wait for it to end' },
  );
}

async function acquire(session: Session, path: string): Promise<Lock | Busy> {
  try {
    return await Lock.acquire(path, {
      signal: session.stop.cancel,
      onWait: () => {
        session.note(`${path}: another process may be pulling to it: waiting about 10 s to see if it still runs`);
      },
    });
  } catch (error) {
    session.throwIfStopped();
    throw error instanceof VhdupError ? error : unwritable(path, 'make it', error);
  }
}
