import { hashingFor } from '../digest/hash-workers.js';
import type { Hashing } from '../digest/hashing.js';
import { nonZeroRanges } from '../bytes/non-zero.js';
import { MAX_WRITE } from '../plan/page-blob-limits.js';
import { joinRanges, type Joining } from '../plan/join-ranges.js';
import { MAX_GAP, mayBeSent, type PushPlan } from '../plan/push-plan.js';
import {
  RangeCursor,
  endOf,
  rangeSet,
  subtract,
  totalLength,
  union,
  type Range,
  type RangeSet,
} from '../bytes/range.js';
import type { MovedRange } from '../content/moved-leaves.js';
import type { Consumer, ScannedWindow } from '../content/scan.js';
import { forEachLimited, type Limit } from '../run/concurrency.js';
import { MIN_LINK_BYTES, PROBE_BYTES } from '../run/request-price.js';
import type { DestinationWriter } from '../destination/destination.js';
import type { Session } from '../session/session.js';
import { MovedCopies, type MovedContent } from './moved-copies.js';

/** Amounts that an upload has sent. */
export interface UploadStats {
  /** Gaps included. */
  readonly bytes: number;
  readonly requests: number;
  /** Bytes that were read, found zero, and not sent. */
  readonly zeros: number;
  /** What was sent outside of the ranges to write, only to save requests. */
  readonly gaps: RangeSet;
  /** Bytes that the service has copied from other places of the base. */
  readonly moved: number;
}

/** The destination to write to, and what to write. */
export interface UploadTarget {
  readonly writer: Pick<DestinationWriter, 'write'>;
  readonly plan: PushPlan;
  /** The part of the plan's ranges that is left to write. */
  readonly left: RangeSet;
  /** Requests at a time. */
  readonly limit: Limit;
  /** What the base is likely to have at other places. */
  readonly moved?: MovedContent | undefined;
}

/** The parts of a window that are left to write, and the parts that an earlier run has written. */
interface WindowRanges {
  readonly ranges: RangeSet;
  readonly written: RangeSet;
}

/**
 * Writes ranges of the disk to the blob as they are read, in parallel, all but the zeros: there the blob has no pages,
 * and reads as zeros. On a slow link a stretch is sent in several requests; on a fast one the gap between two stretches is sent
 * too, if that is faster than another request.
 */
export class Upload implements Consumer, AsyncDisposable {
  readonly ranges: RangeSet;
  readonly #session: Session;
  readonly #target: UploadTarget;
  readonly #left: RangeCursor;
  /** What an earlier run has written of the plan's ranges. */
  readonly #written: RangeCursor;
  readonly #hashing: Hashing;
  readonly #copies: MovedCopies;
  /** All that the plan writes. */
  readonly #total: number;
  /** The part of `#total` that earlier runs have sent. */
  readonly #kept: number;
  /** The part of `#total` that this run has sent. */
  #done = 0;
  #bytes = 0;
  #requests = 0;
  #zeros = 0;
  readonly #gaps: Range[] = [];

  constructor(session: Session, target: UploadTarget) {
    const { left, plan, moved } = target;
    this.ranges = mayBeSent({ write: left, maxGap: plan.maxGap });
    this.#session = session;
    this.#target = target;
    this.#left = new RangeCursor(left);
    this.#written = new RangeCursor(subtract(plan.write, left));
    this.#total = totalLength(plan.write);
    this.#kept = this.#total - totalLength(left);
    this.#hashing = hashingFor(totalLength(left), 1);
    this.#copies = new MovedCopies(session, moved);
    this.#report();
  }

  get sent(): UploadStats {
    return {
      bytes: this.#bytes,
      requests: this.#requests,
      zeros: this.#zeros,
      gaps: rangeSet(this.#gaps),
      moved: this.#copies.bytes,
    };
  }

  async onWindow({ offset, bytes }: ScannedWindow): Promise<void> {
    const window = { offset, length: bytes.length };
    const ranges = { ranges: this.#left.within(window), written: this.#written.within(window) };
    await forEachLimited(
      this.#writes(offset, bytes, ranges),
      this.#target.limit,
      (write) => write(),
      this.#session.fail,
    );
  }

  /** Closes the hashing; never throws. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#hashing.close();
  }

  *#writes(offset: number, bytes: Uint8Array, { ranges, written }: WindowRanges): Generator<() => Promise<void>> {
    const contentOf = (range: Range) => bytes.subarray(range.offset - offset, endOf(range) - offset);
    const { gap } = this.#target.plan;
    const data = ranges.flatMap((range) =>
      nonZeroRanges(contentOf(range), gap).map((part) => ({ ...part, offset: range.offset + part.offset })),
    );
    const window = { offset, length: bytes.length };
    const copied = this.#copies.within(window, ranges, this.#session.scheduler.requestPrice ?? MAX_GAP);
    for (const range of copied) yield () => this.#copy(range, contentOf(range));
    let zeros = totalLength(ranges) - totalLength(copied);
    const own = subtract(data, copied);
    for (const range of joinRanges(own, union(written, copied), () => this.#joining())) {
      const gaps = subtract([range], ranges);
      const wanted = range.length - totalLength(gaps);
      this.#gaps.push(...gaps);
      zeros -= wanted;
      for (const request of this.#session.scheduler.requests(range))
        yield () => this.#write(request.offset, contentOf(request), wanted / range.length);
    }
    this.#zeros += zeros;
    this.#report();
  }

  /** Returns how ranges are joined at the current price of a request. */
  #joining(): Joining {
    const { maxGap } = this.#target.plan;
    const price = this.#session.scheduler.requestPrice;
    // Smaller requests than MIN_LINK_BYTES do not measure the link, so they would be joined forever, even on a slow one.
    return price === undefined
      ? { maxGap, minBytes: MIN_LINK_BYTES, maxBytes: PROBE_BYTES }
      : { maxGap: Math.min(maxGap, price), minBytes: 0, maxBytes: MAX_WRITE };
  }

  /** Has a range copied by the service. If that is refused, sends it. */
  async #copy(range: MovedRange, content: Uint8Array): Promise<void> {
    if (await this.#copies.copy(range, await this.#hashing.md5(content))) {
      this.#done += content.length;
      this.#report();
      return;
    }
    const parts = nonZeroRanges(content, this.#target.plan.gap);
    this.#zeros += range.length - totalLength(parts);
    for (const part of parts) {
      for (const { offset, length } of this.#session.scheduler.requests(part))
        await this.#write(range.offset + offset, content.subarray(offset, offset + length), 1);
    }
  }

  /** `share`: the fraction of the content that is in the ranges to write. */
  async #write(offset: number, content: Uint8Array, share: number): Promise<void> {
    await this.#target.writer.write(offset, content, await this.#hashing.md5(content));
    this.#bytes += content.length;
    this.#done += content.length * share;
    this.#requests++;
    this.#report();
  }

  #report(): void {
    this.#session.progress('write', this.#kept + Math.round(this.#done) + this.#zeros, this.#total, {
      skipped: this.#zeros,
      transferred: this.#bytes,
    });
  }
}
