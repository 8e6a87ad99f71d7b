import type { Disk } from '../disk/disk.js';
import { zeroFill } from '../bytes/zero-fill.js';
import { RangeCursor, rangeSet, splitAt, type Range, type RangeSet } from '../bytes/range.js';
import { BufferPool } from '../bytes/buffer-pool.js';
import type { Session } from '../session/session.js';

/** Bytes that are read and worked on at a time; a window begins at a multiple of this. */
export const WINDOW = 4 * 1024 * 1024;
/** Windows that are read before anybody waits for them. */
export const READ_AHEAD = 3;

/** Somebody who looks at a disk's content on its way past. */
export interface Consumer {
  /** Where it wants to see the content, within the disk. */
  readonly needs: RangeSet;
  /** True where it looks at whole windows, and finds zeros where nobody needs anything; else it looks only at what it needs. */
  readonly seesAll?: boolean;
  /** True where it has to do more than to look at the content, for long, and would hold up others. */
  readonly isHeldUp?: boolean;
  /**
   * Gets each window in which it needs something, in order, and begins with the next one before it has ended with this.
   * Its bytes stay as they are until the promise ends.
   */
  take(view: View): Promise<void>;
  /** Does what is left to do behind its last window; called when it was given that one. */
  end?(): Promise<void>;
}

/** Whom a pass asks whether to go on, and tells at once what failed; it throws where the work is to end. A session is one. */
export type Supervisor = Pick<Session, 'throwIfStopped' | 'fail'>;

/** A window as a consumer gets it. */
export interface View {
  /** Where on the disk it begins. */
  readonly offset: number;
  /** The content where any consumer needs it; elsewhere anything, but zeros for those who see all. */
  readonly bytes: Uint8Array;
  /** What of its needs lies here, in order; offsets of the disk. */
  readonly ranges: readonly Range[];
}

/**
 * Reads what the consumers need of a disk, once and in order, and shows it to all who need something there. So many
 * windows are in memory as `windows` says at the time. A failure ends the rest: `supervisor.fail` is told, what runs is
 * waited for, and it is thrown.
 */
export async function passOver(
  supervisor: Supervisor,
  disk: Pick<Disk, 'size' | 'read'>,
  consumers: readonly Consumer[],
  windows: () => number,
): Promise<void> {
  const pool = new BufferPool(WINDOW);
  const pending = windowsOf(consumers, disk.size);
  const ahead: Promise<Loaded>[] = [];
  const running = new Set<Promise<void>>();
  const failures: unknown[] = [];
  const fail = (error: unknown) => {
    if (failures.push(error) === 1) supervisor.fail(error);
  };
  let next = pending.next();
  while (failures.length === 0 && (ahead.length > 0 || !next.done)) {
    try {
      supervisor.throwIfStopped();
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
      // Also where one of them fails, the others are waited for: they read the bytes, and may have requests under way.
      const task = Promise.all(
        window.takers.map(({ consumer, ranges }) =>
          consumer.take({ offset: window.offset, bytes, ranges }).catch(fail),
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
  const ends = failures.length === 0 ? consumers.map((consumer) => consumer.end?.().catch(fail)) : [];
  await Promise.allSettled([...running, ...ahead, ...ends]);
  if (failures.length > 0) throw failures[0];
}

interface Window extends Range {
  /** What is read of it. */
  readonly read: Range[];
  readonly takers: readonly { readonly consumer: Consumer; readonly ranges: readonly Range[] }[];
}

interface Loaded {
  readonly window: Window;
  readonly bytes: Uint8Array;
  readonly release: () => void;
}

/** The windows in which anybody needs something, in order. */
function* windowsOf(consumers: readonly Consumer[], size: number): Generator<Window, undefined> {
  const cursors = consumers.map((consumer) => ({ consumer, cursor: new RangeCursor(consumer.needs) }));
  const all = rangeSet(consumers.flatMap(({ needs }) => needs));
  let offset = -1;
  let read: Range[] = [];
  const window = (): Window => {
    const length = Math.min(WINDOW, size - offset);
    const takers = cursors
      .map(({ consumer, cursor }) => ({ consumer, ranges: cursor.within({ offset, length }) }))
      .filter(({ ranges }) => ranges.length > 0);
    return { offset, length, read, takers };
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

async function load(disk: Pick<Disk, 'read'>, window: Window, pool: BufferPool): Promise<Loaded> {
  const buffer = pool.acquire();
  const bytes = buffer.subarray(0, window.length);
  const release = () => {
    pool.release(buffer);
  };
  const isSeen = window.takers.some(({ consumer }) => consumer.seesAll);
  let filled = 0;
  try {
    for (const { offset, length } of window.read) {
      const at = offset - window.offset;
      if (isSeen) zeroFill(bytes.subarray(filled, at));
      filled = at + length;
      await disk.read(offset, bytes.subarray(at, filled));
    }
  } catch (error) {
    release();
    throw error;
  }
  if (isSeen) zeroFill(bytes.subarray(filled));
  return { window, bytes, release };
}
