import { VhdupError } from '../errors.js';
import type { Conditions, PageBlob } from '../azure/page-blob.js';
import { hasStatus } from '../azure/service-error.js';
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

/** The side of a comparison that is fetched. */
export type ComparedBlob = Pick<PageBlob, 'uri' | 'readInto'>;

/** What to compare. */
export interface Comparison {
  readonly disk: Pick<Disk, 'read'>;
  readonly blob: ComparedBlob;
  /** The ranges to compare, within the disk. */
  readonly ranges: RangeSet;
  /** The pages of the blob. The rest of it is zero, and is not fetched. */
  readonly pages: RangeSet;
  /** The conditions of every read. */
  readonly conditions: Conditions;
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
 * With `conditions.ifMatch`, throws `source-changed` if the blob changes meanwhile.
 */
export async function compare(
  session: Session,
  { disk, blob, ranges, pages, conditions, phase }: Comparison,
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
              await read(
                blob,
                offset,
                there.subarray(offset - piece.offset, offset - piece.offset + length),
                conditions,
              );
              fetched += length;
            }
          }
          for (const { offset, length } of differingRanges(here, there))
            differences.push({ offset: piece.offset + offset, length });
        });
      });
      done += piece.length;
      session.progress(phase, done, total);
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

async function read(blob: ComparedBlob, offset: number, into: Uint8Array, conditions: Conditions): Promise<void> {
  try {
    await blob.readInto(offset, into, conditions);
  } catch (error) {
    if (conditions.ifMatch === undefined || !hasStatus(error, 412)) throw error;
    throw new VhdupError('source-changed', `${blob.uri}: it changed while it was compared`, {
      cause: error,
      hint: 'run the same command again',
    });
  }
}
