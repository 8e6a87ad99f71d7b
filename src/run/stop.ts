import { setTimeout as sleep } from 'node:timers/promises';
import { VhdupError } from '../errors.js';

/**
 * Two ways to stop: after `cancel` running requests finish and no other starts; `abort` also cuts off running requests.
 */
export interface Stop {
  readonly cancel: AbortSignal;
  readonly abort: AbortSignal;
}

/** Waits this many milliseconds. Throws as `throwIfStopped` does, as soon as the work is stopped. */
export async function pause(milliseconds: number, stop: Stop): Promise<void> {
  const woken = new AbortController();
  const wake = () => {
    woken.abort();
  };
  stop.cancel.addEventListener('abort', wake);
  stop.abort.addEventListener('abort', wake);
  try {
    throwIfStopped(stop);
    await sleep(milliseconds, undefined, { signal: woken.signal }).catch(() => undefined);
  } finally {
    stop.cancel.removeEventListener('abort', wake);
    stop.abort.removeEventListener('abort', wake);
  }
  throwIfStopped(stop);
}

/**
 * Throws the reason of the abort, if it is an error, and `cancelled` otherwise, if the work was stopped in either way.
 */
export function throwIfStopped(stop: Stop): void {
  throwIfAborted(stop.abort);
  if (stop.cancel.aborted)
    throw new VhdupError('cancelled', 'stopped on request', { hint: 'run the same command to resume' });
}

/** Throws the reason of the abort, if it is an error, and `cancelled` otherwise, if `abort` was aborted. */
export function throwIfAborted(abort: AbortSignal): void {
  if (abort.aborted)
    throw abort.reason instanceof Error && abort.reason.name !== 'AbortError'
      ? abort.reason
      : new VhdupError('cancelled', 'stopped', { hint: 'run the same command to resume' });
}
