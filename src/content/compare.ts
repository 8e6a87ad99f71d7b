import { VhdupError } from '../errors.js';
import type { Conditions } from '../azure/conditions.js';
import type { PageBlob } from '../azure/page-blob.js';
import { failureOf } from '../azure/service-error.js';
import { throwIfStopped } from '../run/retry.js';
import type { Disk } from '../disk/disk.js';
import { zeroFill } from '../bytes/zero-fill.js';
import { intersect, rangeSet, splitAt, totalLength, type Range, type RangeSet } from '../bytes/range.js';
import { BufferPool } from '../bytes/buffer-pool.js';
import type { Phase } from '../session/events.js';
import { inParallel } from '../run/concurrency.js';
import type { Session } from '../session/session.js';

const PIECE = 4 * 1024 * 1024;
const PAGE = 512;
/** Pages that are nearer to each other are fetched in one request: what lies between reads as zeros, and costs less. */
const NEAR = 128 * 1024;

export interface Comparison {
  readonly disk: Pick<Disk, 'read'>;
  readonly blob: PageBlob;
  /** What to compare; within the disk. */
  readonly ranges: RangeSet;
  /** Where the blob has pages. All else of it is zero, and is not fetched. */
  readonly pages: RangeSet;
  readonly conditions: Conditions;
  readonly phase: Phase;
}

/** What a comparison found. */
export interface Compared {
  /** What differs, in whole pages. */
  readonly differences: Range[];
  /** Bytes fetched from the service. */
  readonly fetched: number;
}

/** Compares ranges of a disk with a blob, in parallel. In memory are at most two pieces of 4 MiB for each request at a time. */
export async function compare(
  session: Session,
  { disk, blob, ranges, pages, conditions, phase }: Comparison,
): Promise<Compared> {
  const near = rangeSet(pages, NEAR);
  const total = totalLength(ranges);
  const [ours, theirs] = [new BufferPool(PIECE), new BufferPool(PIECE)];
  const differences: Range[] = [];
  let done = 0;
  let fetched = 0;
  session.progress(phase, 0, total);
  await inParallel(
    piecesOf(ranges, near),
    session.traffic.lanes(2 * PIECE),
    async ({ piece, fetch }) => {
      throwIfStopped(session.stop);
      await ours.use(piece.length, async (here) => {
        await disk.read(piece.offset, here);
        await theirs.use(piece.length, async (there) => {
          zeroFill(there);
          for (const range of fetch) {
            for (const { offset, length } of session.traffic.requests(range)) {
              await read(
                blob,
                offset,
                there.subarray(offset - piece.offset, offset - piece.offset + length),
                conditions,
              );
              fetched += length;
            }
          }
          for (const { offset, length } of differingPages(here, there))
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

/** Each piece with what of it has to be fetched. Both lists are in order, so one pass does. */
function* piecesOf(ranges: RangeSet, pages: RangeSet): Generator<{ piece: Range; fetch: Range[] }> {
  let next = 0;
  for (const piece of splitAt(ranges, PIECE)) {
    while (next < pages.length && (pages[next]?.offset ?? 0) + (pages[next]?.length ?? 0) <= piece.offset) next++;
    let end = next;
    while (end < pages.length && (pages[end]?.offset ?? 0) < piece.offset + piece.length) end++;
    yield { piece, fetch: intersect([piece], pages.slice(next, end)) };
  }
}

async function read(blob: PageBlob, offset: number, into: Uint8Array, conditions: Conditions): Promise<void> {
  try {
    await blob.readInto(offset, into, conditions);
  } catch (error) {
    if (conditions.ifMatch === undefined || !(error instanceof VhdupError) || failureOf(error.cause).status !== 412)
      throw error;
    throw new VhdupError('source-changed', `${blob.uri}: it changed while it was compared`, {
      cause: error,
      hint: 'run the same command again',
    });
  }
}

/** The pages in which two buffers of one length differ, neighbours as one range. */
export function differingPages(a: Uint8Array, b: Uint8Array): Range[] {
  const [left, right] = [
    Buffer.from(a.buffer, a.byteOffset, a.byteLength),
    Buffer.from(b.buffer, b.byteOffset, b.byteLength),
  ];
  if (left.equals(right)) return [];
  const found: Range[] = [];
  for (let offset = 0; offset < left.length; offset += PAGE) {
    const end = Math.min(left.length, offset + PAGE);
    if (left.compare(right, offset, end, offset, end) !== 0) found.push({ offset, length: end - offset });
  }
  return rangeSet(found);
}
