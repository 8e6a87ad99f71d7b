import type { Conditions } from '../azure/conditions.js';
import type { PageBlob } from '../azure/page-blob.js';
import { hashingFor } from '../digest/hash-workers.js';
import type { Hashing } from '../digest/hashing.js';
import { nonZeroRanges } from '../bytes/non-zero.js';
import { MAX_WRITE, mayBeSent, type PushPlan } from '../plan/push-plan.js';
import {
  RangeCursor,
  endOf,
  intersect,
  rangeSet,
  subtract,
  totalLength,
  type Range,
  type RangeSet,
} from '../bytes/range.js';
import type { Consumer, View } from '../content/scan.js';
import { Slots, type Lanes } from '../run/concurrency.js';
import { MIN_LINK_BYTES, PROBE_BYTES } from '../run/request-price.js';
import type { Session } from '../session/session.js';

/** What went over the wire. */
export interface Sent {
  /** Gaps included. */
  readonly bytes: number;
  readonly requests: number;
  /** Bytes that were read, found zero, and not sent. */
  readonly zeros: number;
  /** What was sent outside of the ranges to write, only to save requests. */
  readonly gaps: RangeSet;
}

/** The blob to write to, and what to write. */
export interface UploadTarget {
  readonly blob: PageBlob;
  readonly plan: PushPlan;
  /** The part of the plan's ranges that is left to write. */
  readonly left: RangeSet;
  readonly conditions: Conditions;
  /** Requests at a time. */
  readonly lanes: Lanes;
}

/** The parts of a window that are left to write, and the parts that an earlier run has written. */
interface Places {
  readonly ranges: RangeSet;
  readonly written: RangeSet;
}

/**
 * Writes ranges of the disk to the blob as they are read, in parallel, all but the zeros: there the blob has no pages,
 * and reads as zeros. On a slow link a stretch is sent in several requests; on a fast one the gap between two stretches is sent
 * too, if that is faster than another request.
 */
export class Upload implements Consumer, AsyncDisposable {
  readonly needs: RangeSet;
  readonly #session: Session;
  readonly #target: UploadTarget;
  readonly #left: RangeCursor;
  /** What an earlier run has written of the plan's ranges. */
  readonly #written: RangeCursor;
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
    this.#written = new RangeCursor(subtract(plan.write, left));
    this.#slots = new Slots(lanes, session.fail);
    this.#total = totalLength(left);
    this.#hashing = hashingFor(this.#total, 1);
    this.#report();
  }

  get sent(): Sent {
    return { bytes: this.#bytes, requests: this.#requests, zeros: this.#zeros, gaps: rangeSet(this.#gaps) };
  }

  async take({ offset, bytes }: View): Promise<void> {
    const window = { offset, length: bytes.length };
    const places = { ranges: this.#left.within(window), written: this.#written.within(window) };
    await this.#slots.runAll(this.#writes(offset, bytes, places));
  }

  /** Closes the hashing; never throws. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#hashing.close();
  }

  *#writes(offset: number, bytes: Uint8Array, { ranges, written }: Places): Generator<() => Promise<void>> {
    const contentOf = (range: Range) => bytes.subarray(range.offset - offset, endOf(range) - offset);
    const { gap } = this.#target.plan;
    const data = ranges.flatMap((range) =>
      nonZeroRanges(contentOf(range), gap).map((part) => ({ ...part, offset: range.offset + part.offset })),
    );
    let zeros = totalLength(ranges);
    for (const range of this.#joined(data, written)) {
      const gaps = subtract([range], ranges);
      const wanted = range.length - totalLength(gaps);
      this.#gaps.push(...gaps);
      zeros -= wanted;
      for (const request of this.#session.traffic.requests(range))
        yield () => this.#write(request.offset, contentOf(request), wanted / range.length);
    }
    this.#zeros += zeros;
    this.#report();
  }

  /** Joins neighbouring ranges at the current price of a request, but not across what is written already. */
  *#joined(data: readonly Range[], written: RangeSet): Generator<Range> {
    const { maxGap } = this.#target.plan;
    for (let next = 0, first = data[next]; first; first = data[next]) {
      const price = this.#session.traffic.requestPrice;
      const [limit, most] = price === undefined ? [maxGap, PROBE_BYTES] : [Math.min(maxGap, price), MAX_WRITE];
      const { offset } = first;
      let end = endOf(first);
      let count = 1;
      for (
        let other = data[next + count];
        other && other.offset - end <= limit && endOf(other) - offset <= most;
        other = data[next + ++count]
      ) {
        if (intersect([{ offset: end, length: other.offset - end }], written).length > 0) break;
        end = endOf(other);
      }
      // Such a request is too small to measure the link, so joined ones would be sent for ever, even on a slow link.
      if (price === undefined && end - offset < MIN_LINK_BYTES) [end, count] = [endOf(first), 1];
      yield { offset, length: end - offset };
      next += count;
    }
  }

  /** `share`: the fraction of the content that is in the ranges to write. */
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
