import { formatSize } from '../bytes/format-size.js';
import { VhdupError } from '../errors.js';
import { throwIfStopped } from '../run/stop.js';
import { zeroFill } from '../bytes/zero-fill.js';
import { differingRanges } from '../bytes/differing.js';
import { nonZeroRanges } from '../bytes/non-zero.js';
import { rangeSet, totalLength, type Range, type RangeSet } from '../bytes/range.js';
import { windowsOf, type Window } from '../plan/window.js';
import { BufferPool } from '../bytes/buffer-pool.js';
import { forEachLimited } from '../run/concurrency.js';
import { CompletedWindows, WINDOW } from './completed-windows.js';
import type { PartFile } from './part-file.js';
import { imageSize, type PullTask } from './task.js';
import { option } from '../option-names.js';

/** The default of `PullOptions.recordEvery`. */
const RECORD_EVERY = 16 * 1024 * 1024;

/** Amounts that a download has moved. */
export interface DownloadStats {
  /** Bytes read from the blob. */
  readonly fetched: number;
  /** Bytes written to the file as data. */
  readonly stored: number;
  /** Reads of the blob. */
  readonly requests: number;
}

/**
 * Fetches the pages of the blob, and stores the sectors that are not zero or, over a parent, that differ from it. Ranges that only
 * the parent stores are compared with zeros. Regularly makes durable and records what is done, also if it fails. Throws
 * `disk-unsupported` if the format would lose data behind the disk.
 */
export async function fetchAll(task: PullTask, part: PartFile): Promise<DownloadStats> {
  const { session, source, parent } = task;
  const recordEvery = task.options.recordEvery ?? RECORD_EVERY;
  const size = imageSize(task);
  const pages = await source.ranges();
  const compare = rangeSet((await parent?.dataRanges(size)) ?? []);
  const completed = new CompletedWindows(part.resumedFrom);
  const localPool = new BufferPool(WINDOW);
  const blobPool = new BufferPool(WINDOW);
  const total = totalLength(pages);
  session.warnOfExpiry(source.blob, total);
  let fetched = 0;
  let stored = 0;
  let requests = 0;
  let unrecorded = 0;
  let recording: Promise<void> | undefined;
  const record = () => {
    recording ??= (async () => {
      unrecorded = 0;
      await part.record(completed.snapshot());
    })().finally(() => {
      recording = undefined;
    });
    return recording;
  };

  const kept = keptBytes(pages, part);
  const remaining = function* () {
    for (const window of windowsOf(pages, compare, WINDOW)) if (completed.begin(window.offset)) yield window;
  };
  const fetchWindow = async ({ offset, fetch }: Window) => {
    throwIfStopped(session.stop);
    await blobPool.use(WINDOW, async (piece) => {
      zeroFill(piece);
      for (const range of fetch) {
        for (const part of session.scheduler.requests(range)) {
          await source.read(part.offset, piece.subarray(part.offset - offset, part.offset - offset + part.length));
          requests++;
          fetched += part.length;
          unrecorded += part.length;
          session.progress('fetch', kept + fetched, total, { transferred: fetched });
        }
      }
      const inside = Math.max(0, Math.min(WINDOW, size - offset));
      requireZeroTail(task, piece.subarray(inside));
      const disk = piece.subarray(0, inside);
      const parts = await rangesToStore(task, offset, disk, localPool);
      await part.writer.put(offset, disk, parts);
      stored += totalLength(parts);
    });
    completed.end(offset);
    // A window does not end before the record is written. So downloads do not run ahead of a slow disk, and a crash costs little.
    while (unrecorded >= recordEvery) await record();
  };

  try {
    session.progress('fetch', kept, total, { transferred: 0 });
    await forEachLimited(
      remaining(),
      session.scheduler.newLimit(parent ? 2 * WINDOW : WINDOW),
      fetchWindow,
      session.fail,
    );
    await record();
  } catch (error) {
    // A failure of this is ignored: the first error is the one to throw, and a file whose sync failed records nothing more.
    await record().catch(() => undefined);
    throw error;
  }
  return { fetched, stored, requests };
}

/** Returns how many bytes of these pages are in windows that an earlier run has completed. */
function keptBytes(pages: RangeSet, { resumedFrom }: PartFile): number {
  if (!resumedFrom) return 0;
  const completed = new CompletedWindows(resumedFrom);
  let kept = 0;
  for (const { offset, fetch } of windowsOf(pages, [], WINDOW)) {
    if (!completed.begin(offset)) kept += totalLength(fetch);
  }
  return kept;
}

/** Returns the ranges of a piece that are not zero or, over a parent, that differ from it. */
async function rangesToStore(
  { parent }: PullTask,
  offset: number,
  piece: Uint8Array,
  pool: BufferPool,
): Promise<Range[]> {
  if (!parent) return nonZeroRanges(piece, 0);
  let parts: Range[] = [];
  await pool.use(piece.length, async (local) => {
    await parent.read(offset, local);
    parts = differingRanges(piece, local);
  });
  return parts;
}

/** Throws `disk-unsupported` if there is data between the disk and the footer, which the image would lose. Some tools leave zeros there. */
function requireZeroTail({ source, format }: PullTask, tail: Uint8Array): void {
  if (nonZeroRanges(tail, 0).length === 0) return;
  throw new VhdupError(
    'disk-unsupported',
    `${source.blob.uri}: there is data after the disk's ${formatSize(source.diskSize)}, which ${option('format', format)} would lose`,
    { hint: `${option('format', 'fixed')} keeps it` },
  );
}
