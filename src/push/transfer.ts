import type { Conditions, PageBlob } from '../blob/page-blob.js';
import { throwIfStopped } from '../blob/retry.js';
import type { Disk } from '../disk/disk.js';
import { hashingFor } from '../digest/hash-workers.js';
import type { Hashing } from '../digest/hashing.js';
import { nonZeroRanges } from '../plan/non-zero.js';
import { MAX_WRITE } from '../plan/push-plan.js';
import { endOf, splitAt, totalLength, type Range, type RangeSet } from '../plan/range.js';
import { BufferPool } from '../session/buffer-pool.js';
import type { Consumer, View } from '../session/disk-pass.js';
import { Slots, inParallel, type Lanes } from '../session/parallel.js';
import type { Session } from '../session/session.js';

/** What went over the wire. */
export interface Sent {
  readonly bytes: number;
  readonly requests: number;
  /** Bytes that were read, found zero, and not sent. */
  readonly zeros: number;
}

/**
 * Writes ranges of the disk to the blob as they are read, in parallel, all but the zeros: there the blob has no pages,
 * and reads as zeros. On a slow link a stretch is sent in several requests.
 */
export class Upload implements Consumer, AsyncDisposable {
  readonly needs: RangeSet;
  readonly #session: Session;
  readonly #blob: PageBlob;
  readonly #gap: number;
  readonly #conditions: Conditions;
  readonly #slots: Slots;
  readonly #hashing: Hashing;
  readonly #total: number;
  #bytes = 0;
  #requests = 0;
  #zeros = 0;

  /** `lanes`: requests at a time. */
  constructor(session: Session, blob: PageBlob, ranges: RangeSet, gap: number, conditions: Conditions, lanes: Lanes) {
    this.needs = ranges;
    this.#session = session;
    this.#blob = blob;
    this.#gap = gap;
    this.#conditions = conditions;
    this.#slots = new Slots(lanes, session.fail);
    this.#total = totalLength(ranges);
    this.#hashing = hashingFor(this.#total, 1);
    this.#tell();
  }

  get sent(): Sent {
    return { bytes: this.#bytes, requests: this.#requests, zeros: this.#zeros };
  }

  async take({ offset, bytes, ranges }: View): Promise<void> {
    await this.#slots.runAll(this.#writes(offset, bytes, ranges));
  }

  /** Lets go of what hashed; never throws. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#hashing.close();
  }

  *#writes(offset: number, bytes: Uint8Array, ranges: readonly Range[]): Generator<() => Promise<void>> {
    for (const range of ranges) {
      const content = bytes.subarray(range.offset - offset, endOf(range) - offset);
      const parts = nonZeroRanges(content, this.#gap);
      this.#zeros += range.length - totalLength(parts);
      this.#tell();
      for (const part of parts) {
        for (const request of this.#session.traffic.requests(part)) {
          yield () => this.#write(range.offset + request.offset, content.subarray(request.offset, endOf(request)));
        }
      }
    }
  }

  async #write(offset: number, content: Uint8Array): Promise<void> {
    await this.#blob.write(offset, content, await this.#hashing.md5(content), this.#conditions);
    this.#bytes += content.length;
    this.#requests++;
    this.#tell();
  }

  #tell(): void {
    this.#session.progress('write', this.#bytes + this.#zeros, this.#total, this.#zeros);
  }
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
