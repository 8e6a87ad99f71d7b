import type { Conditions, PageBlob } from '../blob/page-blob.js';
import { hashingFor } from '../digest/hash-workers.js';
import type { Hashing } from '../digest/hashing.js';
import { nonZeroRanges } from '../plan/non-zero.js';
import { MAX_WRITE, mayBeSent, type PushPlan } from '../plan/push-plan.js';
import { RangeCursor, endOf, rangeSet, subtract, totalLength, type Range, type RangeSet } from '../plan/range.js';
import type { Consumer, View } from '../session/disk-pass.js';
import { Slots, type Lanes } from '../session/parallel.js';
import { PROBE_BYTES } from '../session/request-price.js';
import type { Session } from '../session/session.js';

/** What went over the wire. */
export interface Sent {
  /** Gaps included. */
  readonly bytes: number;
  readonly requests: number;
  /** Bytes that were read, found zero, and not sent. */
  readonly zeros: number;
  /** Outside of the ranges to write: sent only to save requests. */
  readonly gaps: RangeSet;
}

/** Where to write, and what. */
export interface UploadTarget {
  readonly blob: PageBlob;
  readonly plan: PushPlan;
  /** The part of the plan's ranges that is left to write. */
  readonly left: RangeSet;
  readonly conditions: Conditions;
  /** Requests at a time. */
  readonly lanes: Lanes;
}

/**
 * Writes ranges of the disk to the blob as they are read, in parallel, all but the zeros: there the blob has no pages,
 * and reads as zeros. On a slow link a stretch is sent in several requests; on a fast one what lies between two stretches is
 * sent too, if that is faster than another request.
 */
export class Upload implements Consumer, AsyncDisposable {
  readonly needs: RangeSet;
  readonly #session: Session;
  readonly #target: UploadTarget;
  readonly #left: RangeCursor;
  readonly #slots: Slots;
  readonly #hashing: Hashing;
  readonly #total: number;
  /** The part of `#total` that is sent. */
  #done = 0;
  #bytes = 0;
  #requests = 0;
  #zeros = 0;
  readonly #gaps: Range[] = [];

  constructor(session: Session, target: UploadTarget) {
    const { left, plan, lanes } = target;
    this.needs = mayBeSent({ write: left, maxGap: plan.maxGap });
    this.#session = session;
    this.#target = target;
    this.#left = new RangeCursor(left);
    this.#slots = new Slots(lanes, session.fail);
    this.#total = totalLength(left);
    this.#hashing = hashingFor(this.#total, 1);
    this.#report();
  }

  get sent(): Sent {
    return { bytes: this.#bytes, requests: this.#requests, zeros: this.#zeros, gaps: rangeSet(this.#gaps) };
  }

  async take({ offset, bytes }: View): Promise<void> {
    const ranges = this.#left.within({ offset, length: bytes.length });
    await this.#slots.runAll(this.#writes(offset, bytes, ranges));
  }

  /** Closes what hashed; never throws. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#hashing.close();
  }

  *#writes(offset: number, bytes: Uint8Array, ranges: readonly Range[]): Generator<() => Promise<void>> {
    const contentOf = (range: Range) => bytes.subarray(range.offset - offset, endOf(range) - offset);
    const { gap } = this.#target.plan;
    const data = ranges.flatMap((range) => nonZeroRanges(contentOf(range), gap).map((part) => ({ ...part, offset: range.offset + part.offset })));
    let zeros = totalLength(ranges);
    for (const { range, gaps } of this.#joined(data, ranges)) {
      const wanted = range.length - totalLength(gaps);
      this.#gaps.push(...gaps);
      zeros -= wanted;
      for (const request of this.#session.traffic.requests(range)) yield () => this.#write(request.offset, contentOf(request), wanted / range.length);
    }
    this.#zeros += zeros;
    this.#report();
  }

  /** Joins neighbours as they are asked for, at the price of that time. `gaps`: what lies outside of `ranges`. */
  *#joined(data: readonly Range[], ranges: RangeSet): Generator<{ readonly range: Range; readonly gaps: Range[] }> {
    const { gap, maxGap } = this.#target.plan;
    for (let next = 0, first = data[next]; first; first = data[next]) {
      const price = this.#session.traffic.requestPrice;
      const limit = Math.min(maxGap, Math.max(gap, price ?? maxGap));
      const most = price === undefined ? PROBE_BYTES : MAX_WRITE;
      const { offset } = first;
      const gaps: Range[] = [];
      let end = endOf(first);
      for (let other = data[++next]; other && other.offset - end <= limit && endOf(other) - offset <= most; other = data[++next]) {
        gaps.push(...subtract([{ offset: end, length: other.offset - end }], ranges));
        end = endOf(other);
      }
      yield { range: { offset, length: end - offset }, gaps };
    }
  }

  /** `share`: the part of the content that is in the ranges to write. */
  async #write(offset: number, content: Uint8Array, share: number): Promise<void> {
    const { blob, conditions } = this.#target;
    await blob.write(offset, content, await this.#hashing.md5(content), conditions);
    this.#bytes += content.length;
    this.#done += content.length * share;
    this.#requests++;
    this.#report();
  }

  #report(): void {
    this.#session.progress('write', Math.round(this.#done) + this.#zeros, this.#total, this.#zeros);
  }
}
