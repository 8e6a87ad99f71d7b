import type { Conditions, PageBlob } from '../blob/page-blob.js';
import { throwIfStopped } from '../blob/retry.js';
import type { Disk } from '../disk/disk.js';
import { md5 } from '../digest/md5.js';
import { nonZeroRanges } from '../plan/non-zero.js';
import { MAX_WRITE } from '../plan/push-plan.js';
import { splitAt, totalLength, type RangeSet } from '../plan/range.js';
import { BufferPool } from '../session/buffer-pool.js';
import { inParallel } from '../session/parallel.js';
import type { Session } from '../session/session.js';

/** What went over the wire. */
export interface Sent {
  readonly bytes: number;
  readonly requests: number;
  /** Bytes that were read, found zero, and not sent. */
  readonly zeros: number;
}

/**
 * Reads ranges of the disk and writes them to the blob, in parallel, all but the zeros: there the blob has no pages, and
 * reads as zeros. In memory are at most as many pieces of 4 MiB as there are requests at a time; on a slow link a piece is
 * sent in several.
 */
export async function transfer(session: Session, disk: Disk, blob: PageBlob, ranges: RangeSet, gap: number, conditions: Conditions): Promise<Sent> {
  const total = totalLength(ranges);
  const pool = new BufferPool(MAX_WRITE);
  let bytes = 0;
  let requests = 0;
  let zeros = 0;
  session.progress('write', 0, total, 0);
  await inParallel(splitAt(ranges, MAX_WRITE), session.traffic.lanes(MAX_WRITE), async ({ offset, length }) => {
    throwIfStopped(session.stop);
    await pool.use(length, async (piece) => {
      await disk.read(offset, piece);
      const parts = nonZeroRanges(piece, gap);
      zeros += length - totalLength(parts);
      for (const part of parts) {
        for (const sent of session.traffic.requests(part)) {
          const content = piece.subarray(sent.offset, sent.offset + sent.length);
          await blob.write(offset + sent.offset, content, md5(content), conditions);
          bytes += sent.length;
          requests++;
          session.progress('write', bytes + zeros, total, zeros);
        }
      }
      if (parts.length === 0) session.progress('write', bytes + zeros, total, zeros);
    });
  }, session.fail);
  return { bytes, requests, zeros };
}

/**
 * Compares pages that an earlier run wrote with the disk, where the source's files have been touched since (or came to
 * another machine without their times). What differs is cleared, so that it counts as not written.
 */
export async function compareWritten(session: Session, disk: Disk, blob: PageBlob, written: RangeSet, conditions: Conditions): Promise<number> {
  const total = totalLength(written);
  const [pool, theirs] = [new BufferPool(MAX_WRITE), new BufferPool(MAX_WRITE)];
  let done = 0;
  let differing = 0;
  await inParallel(splitAt(written, MAX_WRITE), session.traffic.lanes(2 * MAX_WRITE), async (range) => {
    throwIfStopped(session.stop);
    await pool.use(range.length, async (piece) => {
      await disk.read(range.offset, piece);
      await theirs.use(range.length, async (there) => {
        for (const { offset, length } of session.traffic.requests(range)) {
          await blob.readInto(offset, there.subarray(offset - range.offset, offset - range.offset + length), conditions);
        }
        if (Buffer.compare(there, piece) === 0) return;
        await blob.clear(range, conditions);
        differing += range.length;
      });
    });
    done += range.length;
    session.progress('compare-written', done, total);
  }, session.fail);
  return differing;
}
