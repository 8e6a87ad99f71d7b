import { readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { VhdupError } from '../errors.js';
import { Announcement, readAnnouncement, parseLockFileName, removeAnnouncement } from './announcement.js';
import type { Owner } from './owner.js';
import { Watch } from './watch.js';
import { hasErrorCode } from './system-error.js';

/** A process whose end cannot be proved counts as dead after this time without a heartbeat, in milliseconds. */
const SILENCE_MS = 10_000;
/** The number of heartbeats within that time. */
const HEARTBEATS = 5;
/** Between two looks at the lock folder. */
const POLL_MS = 50;

/** Options of `Lock.acquire`. */
export interface LockOptions {
  /** Milliseconds without a heartbeat after which another process counts as dead. Default 10,000. Must be the same for all that share a lock. */
  readonly silenceMs?: number;
  /** Called once if it takes a while to find out whether another process is alive. */
  readonly onWait?: () => void;
  /** Ends the attempt: `acquire` then throws the signal's reason. */
  readonly signal?: AbortSignal;
}

/** How long `withLock` waits for the lock, in milliseconds. Longer than the silence after a crash. */
const MAX_WAIT_MS = 20_000;

/** The result if another process holds the lock, or is about to. */
export interface Busy {
  /** `undefined` if its announcement cannot be read. */
  readonly holder: Owner | undefined;
}

/**
 * A lock that is held: no other process holds the lock at `path`, on this machine or another. It is for work on files
 * beside it. A process that stands still for long (SIGSTOP, a suspended machine) may lose it. So call `check` before each
 * step that must happen only once, and let the step fail if files that belong to the lock are gone.
 *
 * The lock is a folder. Each contender first creates an announcement in it, under a unique name, and keeps it until it
 * withdraws or releases. Then it lists the folder. Only if every other announcement in this listing is that of a dead
 * process does it create a second file, `TOKEN.held`, and hold the lock.
 *
 * Why two processes never both hold it: take two contenders, A and B, and let A be the first to announce. B lists the
 * folder after it has announced, so B's listing shows A's announcement, for as long as A has not withdrawn. So B does
 * not hold the lock as long as A is alive, whatever A does. Removing a dead contender's files cannot hit a living one,
 * because no name is used twice. If a living process is taken for dead, its announcement is removed before the other
 * one holds the lock; it looks for its announcement after it created `TOKEN.held`, and again at each `check`, and so
 * finds out.
 *
 * Why one of several gets it: of those that see each other before any holds the lock, all withdraw but the one with the
 * smallest token; that one waits until the others have withdrawn.
 */
export class Lock implements AsyncDisposable {
  readonly #path: string;
  readonly #announcement: Announcement;

  private constructor(path: string, announcement: Announcement) {
    this.#path = path;
    this.#announcement = announcement;
  }

  /**
   * Acquires the lock, or returns the process that holds it. If that process may be dead, waits up to `silenceMs` for its heartbeat.
   * Throws the system's error if the folder cannot be written, and `output-unwritable` if `path` is something else.
   */
  static async acquire(path: string, options: LockOptions = {}): Promise<Lock | Busy> {
    const { silenceMs = SILENCE_MS, signal } = options;
    const watch = new Watch(silenceMs, options.onWait);
    for (;;) {
      signal?.throwIfAborted();
      if (!(await removeFormerLock(path, watch, signal))) return { holder: undefined };
      const announcement = await Announcement.write(path, silenceMs / HEARTBEATS);
      let isKept = false;
      try {
        const outcome = await contend(path, announcement, watch, signal);
        if (outcome !== 'free' && outcome !== 'lost') return outcome;
        // Lost: another process took this one for dead and removed its announcement. Start again.
        isKept = outcome === 'free' && (await announcement.markHeld());
        if (isKept) return new Lock(path, announcement);
      } finally {
        if (!isKept) await announcement.withdraw();
      }
    }
  }

  /** Unique for each acquisition. Used in the names of files that belong to one holder. */
  get token(): string {
    return this.#announcement.token;
  }

  /** Throws `destination-busy` if another process has taken this one for dead, and so may hold the lock. */
  async check(): Promise<void> {
    if (await this.#announcement.isHeld()) return;
    throw new VhdupError(
      'destination-busy',
      `${this.#path}: this process was stopped for so long that another one may have taken over its work`,
      { hint: 'run the same command again: it says whether another one works on it' },
    );
  }

  /** Releases the lock. Never throws. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#announcement.withdraw();
  }
}

/** Waits for a lock, and does `work`, which must be short, under it. Throws `destination-busy` if another process does not release the lock. */
export async function withLock<T>(path: string, work: (lock: Lock) => Promise<T>): Promise<T> {
  for (const deadline = performance.now() + MAX_WAIT_MS; ;) {
    const result = await Lock.acquire(path);
    if (result instanceof Lock) {
      await using lock = result;
      return await work(lock);
    }
    const { holder } = result;
    if (performance.now() > deadline)
      throw new VhdupError(
        'destination-busy',
        `${path}: ${holder ? `process ${holder.pid} on ${holder.host}` : 'another process'} holds it and makes no progress`,
        { hint: 'end that process, then run the same command' },
      );
    // A random time, so that two waiting processes do not collide again and again.
    await sleep(5 + Math.random() * 40);
  }
}

/** Waits until the lock is free, or another process holds it. Returns `lost` if this process's announcement is gone. */
async function contend(
  path: string,
  { token }: Announcement,
  watch: Watch,
  signal: AbortSignal | undefined,
): Promise<'free' | 'lost' | Busy> {
  for (;;) {
    const contenders = await listContenders(path);
    if (!contenders.get(token)?.isAnnounced) return 'lost';
    contenders.delete(token);
    let isFree = true;
    for (const [other, { isAnnounced, isHeld }] of contenders) {
      const announcement = isAnnounced ? await readAnnouncement(join(path, other)) : undefined;
      // A `.held` file without an announcement: its process is about to release the lock, or was taken for dead.
      if (!isAnnounced) await removeAnnouncement(path, other).catch(() => undefined);
      if (!announcement) continue;
      const life = watch.judge(other, announcement, isHeld);
      if (life === 'alive' && (isHeld || other < token)) return { holder: announcement.owner };
      if (life === 'dead') await removeAnnouncement(path, other);
      else isFree = false;
    }
    if (isFree) return 'free';
    await sleep(POLL_MS, undefined, { signal });
  }
}

/** Returns the contenders for a lock, by token. */
async function listContenders(path: string): Promise<Map<string, { isAnnounced: boolean; isHeld: boolean }>> {
  const contenders = new Map<string, { isAnnounced: boolean; isHeld: boolean }>();
  const names = await readdir(path).catch((error: unknown) => {
    if (hasErrorCode(error, 'ENOENT')) return [];
    throw error;
  });
  for (const name of names) {
    const parsed = parseLockFileName(name);
    if (!parsed) continue;
    const { isAnnounced, isHeld } = contenders.get(parsed.token) ?? { isAnnounced: false, isHeld: false };
    contenders.set(parsed.token, { isAnnounced: isAnnounced || !parsed.isHeld, isHeld: isHeld || parsed.isHeld });
  }
  return contenders;
}

/** Removes the lock of an older version of this tool, a regular file, after a time of silence. Returns false if it is in use. */
async function removeFormerLock(path: string, watch: Watch, signal: AbortSignal | undefined): Promise<boolean> {
  for (;;) {
    const announcement = await readAnnouncement(path);
    if (!announcement) return true;
    const life = watch.judge('', announcement, true);
    if (life === 'alive') return false;
    // This never removes a folder, so it cannot hit the lock that another contender has made instead.
    if (life === 'dead')
      await unlink(path).catch(async (error: unknown) => {
        if (await readAnnouncement(path)) throw error;
      });
    else await sleep(POLL_MS, undefined, { signal });
  }
}
