import { randomBytes } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname, uptime } from 'node:os';
import { hasErrorCode } from './system-error.js';

/** A process, recorded so that another one can find out whether it still runs. A field is absent if the system does not provide it. */
export interface Owner {
  readonly host: string;
  readonly pid: number;
  /** The boot of the system. Linux: the kernel's boot id. Elsewhere: the time of the boot in seconds since the epoch, by the wall clock. */
  readonly boot?: string | number;
  /** Linux: the process-id namespace in which `pid` counts, such as `pid:[4026531836]`. */
  readonly namespace?: string;
  /** Linux: the start of the process, in clock ticks since the boot. */
  readonly startedAt?: number;
  /** Random, one for each process (and each of its threads). */
  readonly token: string;
}

/** `alive` and `gone` are proved; `unknown` is everything else. */
export type OwnerStatus = 'alive' | 'gone' | 'unknown';

/** Two times of boot, computed from the wall clock, that differ by at most this are the same boot. */
const BOOT_TOLERANCE_SECONDS = 5;
const PROCESS_TOKEN = randomBytes(16).toString('hex');
const MAX_TEXT = 256;

let currentOwner: Owner | undefined;

/** Returns this process. */
export function thisOwner(): Owner {
  return (currentOwner ??= {
    host: hostname(),
    pid: process.pid,
    ...(process.platform === 'linux' ? linuxIdentity() : { boot: Math.round(Date.now() / 1000 - uptime()) }),
    token: PROCESS_TOKEN,
  });
}

/**
 * Finds out whether a recorded process still runs. A process id counts only within one boot and one process-id namespace:
 * there a missing process, or another one with the same id, proves that it is gone. Never throws.
 */
export function judgeOwner(owner: Owner | undefined): OwnerStatus {
  if (!owner) return 'unknown';
  if (owner.token === PROCESS_TOKEN) return 'alive';
  if (!isComparable(owner, thisOwner())) return 'unknown';
  if (!isProcessThere(owner.pid)) return 'gone';
  if (process.platform !== 'linux') return 'unknown';
  const found = readStat(owner.pid);
  if (!found) return 'unknown';
  if (found.isDead) return 'gone';
  if (owner.startedAt === undefined) return 'unknown';
  return owner.startedAt === found.startedAt ? 'alive' : 'gone';
}

/** Parses an owner from a value that was read from a file; returns `undefined` if it has another shape. Never throws. */
export function parseOwner(value: unknown): Owner | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { host, pid, boot, namespace, startedAt, token } = value as Readonly<Record<keyof Owner, unknown>>;
  if (!isText(host) || !isText(token) || typeof pid !== 'number' || !Number.isSafeInteger(pid) || pid <= 0)
    return undefined;
  if (boot !== undefined && typeof boot !== 'number' && !isText(boot)) return undefined;
  if (namespace !== undefined && !isText(namespace)) return undefined;
  if (startedAt !== undefined && typeof startedAt !== 'number') return undefined;
  return {
    host,
    pid,
    ...(boot === undefined ? {} : { boot }),
    ...(namespace === undefined ? {} : { namespace }),
    ...(startedAt === undefined ? {} : { startedAt }),
    token,
  };
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= MAX_TEXT;
}

function isComparable(owner: Owner, me: Owner): boolean {
  if (owner.namespace !== me.namespace) return false;
  if (typeof owner.boot === 'string') return owner.boot === me.boot && me.namespace !== undefined;
  if (typeof owner.boot !== 'number' || typeof me.boot !== 'number') return false;
  return owner.host === me.host && Math.abs(owner.boot - me.boot) <= BOOT_TOLERANCE_SECONDS;
}

function isProcessThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it runs, as another user.
    return !hasErrorCode(error, 'ESRCH');
  }
}

/**
 * Returns the Linux fields of this process; none if `/proc` is missing or shows another namespace, as after `unshare --pid`
 * without a new mount.
 */
function linuxIdentity(): Pick<Owner, 'boot' | 'namespace' | 'startedAt'> {
  try {
    const pids = /^NSpid:(.*)$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1]?.trim().split(/\s+/);
    if (pids?.length !== 1 || Number(pids[0]) !== process.pid) return {};
    const startedAt = readStat(process.pid)?.startedAt;
    return {
      boot: readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim(),
      namespace: readlinkSync('/proc/self/ns/pid'),
      ...(startedAt === undefined ? {} : { startedAt }),
    };
  } catch {
    return {};
  }
}

/**
 * Returns the start time of a process, and whether it has ended: a killed process stays listed until its parent reads its
 * exit code. As long as one of its threads runs, it may still write, so it counts as running.
 */
function readStat(pid: number): { readonly startedAt: number; readonly isDead: boolean } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The second field is a file name in brackets, which may hold anything; field 3 follows the last bracket.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const startedAt = Number(fields[22 - 3]);
    const threads = Number(fields[20 - 3]);
    if (!Number.isSafeInteger(startedAt)) return undefined;
    return { startedAt, isDead: fields[0] === 'X' || (fields[0] === 'Z' && threads <= 1) };
  } catch {
    return undefined;
  }
}
