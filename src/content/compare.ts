import { throwIfStopped } from '../run/stop.js';
import type { Disk } from '../disk/disk.js';
import { differingRanges } from '../bytes/differing.js';
import { zeroFill } from '../bytes/zero-fill.js';
import { intersect, rangeSet, splitAt, totalLength, type Range, type RangeSet } from '../bytes/range.js';
import { BufferPool } from '../bytes/buffer-pool.js';
import { WINDOW } from './scan.js';
import type { Phase } from '../session/events.js';
import { forEachLimited } from '../run/concurrency.js';
import type { Session } from '../session/session.js';

/**
 * Pages up to this many bytes apart are fetched in one request: to fetch the zeros between them costs less than another
 * request.
 */
const MERGE_GAP = 128 * 1024;

/** What to compare. */
export interface Comparison {
  readonly disk: Pick<Disk, 'read'>;
  /** The content of the blob, under one condition for all reads. */
  readonly blob: { readInto(offset: number, into: Uint8Array): Promise<void> };
  /** The ranges to compare, within the disk. */
  readonly ranges: RangeSet;
  /** The pages of the blob. The rest of it is zero, and is not fetched. */
  readonly pages: RangeSet;
  /** The phase of the progress events. */
  readonly phase: Phase;
}

/** The result of a comparison. */
export interface ComparisonResult {
  /** The ranges that differ, in whole pages. */
  readonly differences: Range[];
  /** Bytes that were fetched from the service. */
  readonly fetched: number;
}

/**
 * Compares ranges of a disk with a blob, in parallel. Two windows of 4 MiB are in memory for each request at a time.
 */
export async function compare(
  session: Session,
  { disk, blob, ranges, pages, phase }: Comparison,
): Promise<ComparisonResult> {
  const merged = rangeSet(pages, MERGE_GAP);
  const total = totalLength(ranges);
  const [ours, theirs] = [new BufferPool(WINDOW), new BufferPool(WINDOW)];
  const differences: Range[] = [];
  let done = 0;
  let fetched = 0;
  session.progress(phase, 0, total);
  await forEachLimited(
    piecesOf(ranges, merged),
    session.scheduler.newLimit(2 * WINDOW),
    async ({ piece, fetch }) => {
      throwIfStopped(session.stop);
      await ours.use(piece.length, async (here) => {
        await disk.read(piece.offset, here);
        await theirs.use(piece.length, async (there) => {
          zeroFill(there);
          for (const range of fetch) {
            for (const { offset, length } of session.scheduler.requests(range)) {
              await blob.readInto(offset, there.subarray(offset - piece.offset, offset - piece.offset + length));
              fetched += length;
            }
          }
          for (const { offset, length } of differingRanges(here, there))
            differences.push({ offset: piece.offset + offset, length });
        });
      });
      done += piece.length;
      session.progress(phase, done, total, { transferred: fetched });
    },
    session.fail,
  );
  return { differences: rangeSet(differences), fetched };
}

/** Yields each piece of `ranges` within one window, with the parts of it that have to be fetched. */
function* piecesOf(ranges: RangeSet, pages: RangeSet): Generator<{ piece: Range; fetch: Range[] }> {
  let next = 0;
  for (const piece of splitAt(ranges, WINDOW)) {
    while (next < pages.length && (pages[next]?.offset ?? 0) + (pages[next]?.length ?? 0) <= piece.offset) next++;
    let end = next;
    while (end < pages.length && (pages[end]?.offset ?? 0) < piece.offset + piece.length) end++;
    yield { piece, fetch: intersect([piece], pages.slice(next, end)) };
  }
}
