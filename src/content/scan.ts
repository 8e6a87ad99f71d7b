import type { Disk } from '../disk/disk.js';
import { zeroFill } from '../bytes/zero-fill.js';
import { RangeCursor, rangeSet, splitAt, type Range, type RangeSet } from '../bytes/range.js';
import { BufferPool } from '../bytes/buffer-pool.js';
import { MAX_WRITE } from '../plan/page-blob-limits.js';
import type { Session } from '../session/session.js';

/**
 * Bytes that are read and processed in one step. A window begins at a multiple of this, and one Put Page can carry all
 * of it.
 */
export const WINDOW = MAX_WRITE;
/** Windows that are read before they are needed. */
export const READ_AHEAD = 3;

/** Processes the content of a disk during a scan. */
export interface Consumer {
  /** The ranges whose content it needs, within the disk. */
  readonly ranges: RangeSet;
  /**
   * True if it looks at whole windows: what no consumer needs is zero there. Otherwise it must look only at its ranges.
   */
  readonly wantsZeros?: boolean;
  /** True if this consumer is slow and should run as a separate scan. */
  readonly isSlow?: boolean;
  /**
   * Called with each window in which it has ranges, in order. Called for the next window before the promise has
   * resolved. The bytes do not change until the promise has settled.
   */
  onWindow(window: ScannedWindow): Promise<void>;
  /** Called once, after the call for its last window, unless the scan has failed. */
  onEnd?(): Promise<void>;
}

/** Stops a scan: `throwIfStopped` throws once cancelled; `fail` reports the first error. A session is one. */
export type AbortControl = Pick<Session, 'throwIfStopped' | 'fail'>;

/** A window, as it is given to a consumer. */
export interface ScannedWindow {
  /** The offset on the disk. */
  readonly offset: number;
  /**
   * The content in the ranges of all consumers. The rest is zero if a consumer `wantsZeros`; else it may be anything.
   */
  readonly bytes: Uint8Array;
  /** The consumer's ranges in this window, in order, as offsets on the disk. */
  readonly ranges: readonly Range[];
}

/**
 * Reads the ranges of all consumers, once and in order, and calls each consumer with the windows in which it has
 * ranges. At most `windows()` windows are in memory. After the first failure `control.fail` is called at once; waits
 * for all work that runs, then throws the failure.
 */
export async function scan(
  control: AbortControl,
  disk: Pick<Disk, 'size' | 'read'>,
  consumers: readonly Consumer[],
  windows: () => number,
): Promise<void> {
  const pool = new BufferPool(WINDOW);
  const pending = windowsOf(consumers, disk.size);
  const ahead: Promise<LoadedWindow>[] = [];
  const running = new Set<Promise<void>>();
  const failures: unknown[] = [];
  const fail = (error: unknown) => {
    if (failures.push(error) === 1) control.fail(error);
  };
  let next = pending.next();
  while (failures.length === 0 && (ahead.length > 0 || !next.done)) {
    try {
      control.throwIfStopped();
    } catch (error) {
      fail(error);
      break;
    }
    while (
      !next.done &&
      ahead.length < READ_AHEAD &&
      (running.size + ahead.length === 0 || running.size + ahead.length < windows())
    ) {
      const loaded = load(disk, next.value, pool);
      loaded.catch(() => undefined);
      ahead.push(loaded);
      next = pending.next();
    }
    const first = ahead.shift();
    if (!first) {
      await Promise.race(running);
      continue;
    }
    try {
      const { window, bytes, release } = await first;
      // Waits for all consumers even if one fails: they read the bytes, and may have requests under way.
      const task = Promise.all(
        window.parts.map(({ consumer, ranges }) =>
          consumer.onWindow({ offset: window.offset, bytes, ranges }).catch(fail),
        ),
      ).then(() => {
        release();
        running.delete(task);
      });
      running.add(task);
    } catch (error) {
      fail(error);
    }
  }
  const ends = failures.length === 0 ? consumers.map((consumer) => consumer.onEnd?.().catch(fail)) : [];
  await Promise.allSettled([...running, ...ahead, ...ends]);
  if (failures.length > 0) throw failures[0];
}

interface Window extends Range {
  /** The ranges of all consumers in it. */
  readonly read: Range[];
  /** The consumers that have ranges in it. */
  readonly parts: readonly { readonly consumer: Consumer; readonly ranges: readonly Range[] }[];
}

interface LoadedWindow {
  readonly window: Window;
  readonly bytes: Uint8Array;
  readonly release: () => void;
}

/** Yields the windows in which any consumer has ranges, in order. */
function* windowsOf(consumers: readonly Consumer[], size: number): Generator<Window, undefined> {
  const cursors = consumers.map((consumer) => ({ consumer, cursor: new RangeCursor(consumer.ranges) }));
  const all = rangeSet(consumers.flatMap(({ ranges }) => ranges));
  let offset = -1;
  let read: Range[] = [];
  const window = (): Window => {
    const length = Math.min(WINDOW, size - offset);
    const parts = cursors
      .map(({ consumer, cursor }) => ({ consumer, ranges: cursor.within({ offset, length }) }))
      .filter(({ ranges }) => ranges.length > 0);
    return { offset, length, read, parts };
  };
  for (const piece of splitAt(all, WINDOW)) {
    const start = Math.floor(piece.offset / WINDOW) * WINDOW;
    if (start !== offset && read.length > 0) {
      yield window();
      read = [];
    }
    offset = start;
    read.push(piece);
  }
  if (read.length > 0) yield window();
  return undefined;
}

async function load(disk: Pick<Disk, 'read'>, window: Window, pool: BufferPool): Promise<LoadedWindow> {
  const buffer = pool.acquire();
  const bytes = buffer.subarray(0, window.length);
  const release = () => {
    pool.release(buffer);
  };
  const wantsZeros = window.parts.some(({ consumer }) => consumer.wantsZeros);
  let filled = 0;
  try {
    for (const { offset, length } of window.read) {
      const at = offset - window.offset;
      if (wantsZeros) zeroFill(bytes.subarray(filled, at));
      filled = at + length;
      await disk.read(offset, bytes.subarray(at, filled));
    }
  } catch (error) {
    release();
    throw error;
  }
  if (wantsZeros) zeroFill(bytes.subarray(filled));
  return { window, bytes, release };
}
