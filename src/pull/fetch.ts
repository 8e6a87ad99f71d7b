import { VhdupError } from '../errors.js';
import { throwIfStopped } from '../run/stop.js';
import { zeroFill } from '../bytes/zero-fill.js';
import { differingRanges } from '../bytes/differing.js';
import { nonZeroRanges } from '../bytes/non-zero.js';
import { rangeSet, totalLength, type Range } from '../bytes/range.js';
import { windowsOf, type Window } from '../plan/window.js';
import { BufferPool } from '../bytes/buffer-pool.js';
import { forEachLimited } from '../run/concurrency.js';
import type { Session } from '../session/session.js';
import type { PartFile } from './part-file.js';
import { WINDOW, WindowLog } from './window-log.js';
import { imageSize, type PullWork } from './work.js';

/** What went over the wire, and into the file. Amounts are bytes. */
export interface Fetched {
  readonly fetched: number;
  readonly stored: number;
  readonly requests: number;
}

/**
 * Fetches the pages of the blob and stores what is not zero, or differs from the parent; where only the parent has
 * data, it is compared with zeros. Now and then what is done is made durable and recorded, also when this ends early.
 */
export async function fetchAll(
  session: Session,
  work: PullWork,
  part: PartFile,
  recordEvery: number,
): Promise<Fetched> {
  const size = imageSize(work);
  const pages = await work.source.ranges();
  const compare = rangeSet((await work.parent?.dataRanges(size)) ?? []);
  const log = new WindowLog(part.found);
  const ours = new BufferPool(WINDOW);
  const theirs = new BufferPool(WINDOW);
  const total = totalLength(pages);
  let fetched = 0;
  let stored = 0;
  let requests = 0;
  let unrecorded = 0;
  let recording: Promise<void> | undefined;
  const record = () => {
    recording ??= (async () => {
      unrecorded = 0;
      await part.record(log.snapshot());
    })().finally(() => {
      recording = undefined;
    });
    return recording;
  };

  let passed = 0;
  const left = function* () {
    for (const window of windowsOf(pages, compare, WINDOW)) {
      if (log.begin(window.offset)) yield window;
      else passed += totalLength(window.fetch);
    }
  };
  const fetchWindow = async ({ offset, fetch }: Window) => {
    throwIfStopped(session.stop);
    await theirs.use(WINDOW, async (piece) => {
      zeroFill(piece);
      for (const range of fetch) {
        for (const part of session.scheduler.requests(range)) {
          await work.source.read(part.offset, piece.subarray(part.offset - offset, part.offset - offset + part.length));
          requests++;
          fetched += part.length;
          unrecorded += part.length;
          session.progress('fetch', passed + fetched, total);
        }
      }
      const inside = Math.max(0, Math.min(WINDOW, size - offset));
      refuseTail(work, piece.subarray(inside));
      const disk = piece.subarray(0, inside);
      const parts = await partsOf(work, offset, disk, ours);
      await part.writer.put(offset, disk, parts);
      stored += totalLength(parts);
    });
    log.end(offset);
    // Nobody runs ahead of a slow medium: that bounds what a crash costs.
    while (unrecorded >= recordEvery) await record();
  };

  try {
    session.progress('fetch', 0, total);
    await forEachLimited(
      left(),
      session.scheduler.newLimit(work.parent ? 2 * WINDOW : WINDOW),
      fetchWindow,
      session.fail,
    );
    await record();
  } catch (error) {
    // Best effort: the failure itself is what has to be told, and a file that failed says no more that it is durable.
    await record().catch(() => undefined);
    throw error;
  }
  return { fetched, stored, requests };
}

async function partsOf({ parent }: PullWork, offset: number, piece: Uint8Array, pool: BufferPool): Promise<Range[]> {
  if (!parent) return nonZeroRanges(piece, 0);
  let parts: Range[] = [];
  await pool.use(piece.length, async (local) => {
    await parent.read(offset, local);
    parts = differingRanges(piece, local);
  });
  return parts;
}

/** Between the disk and the footer some tools leave zeros; anything else would be lost without a word. */
function refuseTail({ source, format }: PullWork, tail: Uint8Array): void {
  if (nonZeroRanges(tail, 0).length === 0) return;
  throw new VhdupError(
    'disk-unsupported',
    `${source.blob.uri}: there is data behind the disk's ${source.diskSize} bytes, which --format ${format} would lose`,
    { hint: '--format fixed keeps it' },
  );
}
