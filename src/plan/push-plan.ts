import {
  RangeMerger,
  endOf,
  pieceCount,
  rangeSet,
  subtract,
  totalLength,
  union,
  type Range,
  type RangeSet,
} from '../bytes/range.js';
import { PAGE } from '../bytes/sector.js';
import { BYTES_PER_SECOND, MAX_WRITE, REQUESTS_PER_SECOND } from './page-blob-limits.js';

/**
 * Ranges that are at most this many bytes apart are merged in every plan: sending so few bytes costs little compared
 * with another request.
 */
const MIN_GAP = 16 * 1024;
/** The widest gap that is sent while a push runs: as many bytes as the service takes in the time of one request. */
export const MAX_GAP = wholePages(BYTES_PER_SECOND / REQUESTS_PER_SECOND);

/** An extent of the disk: its layers store bytes there, it is zero, or the base shows through. */
export interface PlannedExtent extends Range {
  readonly kind: 'data' | 'zero' | 'absent';
}

/** The blob that is copied and changed. */
export interface PlannedBase {
  /** Bytes, its footer included. */
  readonly blobSize: number;
  /**
   * False if only its id says that it is the local ancestor: then the disk and the copy may differ in a gap, so no wide
   * gap is sent. Default true.
   */
  readonly isContentChecked?: boolean;
}

/** The disk that is pushed, and what it is pushed over. */
export interface PlanTarget {
  /** Virtual size in bytes. The footer follows it. */
  readonly size: number;
  readonly base?: PlannedBase | undefined;
  /** A fixed limit for gaps, in bytes. Default: the link decides, see `PushPlan.maxGap`. */
  readonly gap?: number | undefined;
}

/** The target, and the extents of the disk. */
export interface PlanSource extends PlanTarget {
  /**
   * All of `[0, size)` in order. Over a base: the extents of the layers above it. Without a base nothing is `absent`.
   */
  readonly extents: Iterable<PlannedExtent>;
}

/** What a push does to the destination. The same source gives the same plan. */
export interface PushPlan {
  /** Size of the blob in bytes, the footer included. */
  readonly size: number;
  /** Bytes that the service copies from the base; 0 for a full push. */
  readonly copied: number;
  /**
   * Cleared before the first write: all that is written, all that became zero, and the base's footer. Empty for a full
   * push.
   */
  readonly clear: RangeSet;
  /** Read and written, except for what turns out to be zero. The gaps between may be written too: see `maxGap`. */
  readonly write: RangeSet;
  /** Written last, and alone. */
  readonly footer: Range;
  /** Gaps between changes of at most this many bytes are part of `write`. */
  readonly gap: number;
  /**
   * Wider gaps, up to this many bytes, may be sent while the push runs, if that is faster than another request. The
   * blob has the same bytes there: zeros, or the base's. Equal to `gap` if no wider ones are sent.
   */
  readonly maxGap: number;
  readonly totals: {
    /** The most that is sent, in bytes, the footer included; all gaps up to `maxGap` are counted. */
    readonly send: number;
    /** The part of `send` that is sent only to save requests. */
    readonly gaps: number;
    readonly clear: number;
    /** Bytes of the disk that need not be sent or cleared: the base has them, or they are zero. Gaps are among them. */
    readonly skip: number;
    /** The most Put Page and Clear Pages requests, if no gap wider than `gap` is sent. */
    readonly requests: number;
  };
}

/**
 * Makes the plan of a push from extents that are added one by one. Only the ranges that become the plan are kept in
 * memory. Ranges close to each other are merged, and the bytes between them are sent from the local disk: zeros, or,
 * over a base, the bytes that the copy has too.
 */
export class PushPlanner {
  readonly #size: number;
  readonly #base: PlannedBase | undefined;
  readonly #gap: number;
  readonly #maxGap: number;
  readonly #write: RangeMerger;
  readonly #zeroed = new RangeMerger();

  constructor({ size, base, gap }: PlanTarget) {
    this.#size = size;
    this.#base = base;
    this.#gap = wholePages(gap ?? MIN_GAP);
    this.#maxGap = gap === undefined && base?.isContentChecked !== false ? MAX_GAP : this.#gap;
    this.#write = new RangeMerger(this.#gap);
  }

  /** Adds the next extent, in order, until all of `[0, size)` was added. Without a base nothing may be `absent`. */
  add(extent: PlannedExtent): void {
    if (extent.kind === 'data') this.#write.add(extent);
    else if (extent.kind === 'zero' && this.#base) this.#zeroed.add(extent);
  }

  /** Returns the plan; call it once, when all extents were added. */
  plan(): PushPlan {
    const size = this.#size;
    const base = this.#base;
    const write = this.#write.finish();
    const clear = base ? upTo(size, union(union(write, this.#zeroed.finish()), oldFooter(base))) : [];
    const sent = totalLength(mayBeSent({ write, maxGap: this.#maxGap }));
    const cleared = totalLength(clear);
    return {
      size: size + PAGE,
      copied: base?.blobSize ?? 0,
      clear,
      write,
      footer: { offset: size, length: PAGE },
      gap: this.#gap,
      maxGap: this.#maxGap,
      totals: {
        send: sent + PAGE,
        gaps: sent - this.#write.added,
        clear: cleared,
        // Over a base, all that is written is cleared first.
        skip: size - (base ? cleared : totalLength(write)),
        requests: pieceCount(write, MAX_WRITE) + clear.length + 1,
      },
    };
  }
}

/** Returns the plan of a push, if all extents are in memory. */
export function makePushPlan({ extents, ...target }: PlanSource): PushPlan {
  const planner = new PushPlanner(target);
  for (const extent of extents) planner.add(extent);
  return planner.plan();
}

/** Returns the ranges that a push writes or clears, without the footer. */
export function changedBy({ write, clear }: Pick<PushPlan, 'write' | 'clear'>): RangeSet {
  return union(write, clear);
}

/** Returns all ranges that a push may write, without the footer: the ranges to write, and the gaps that may be sent. */
export function mayBeSent({ write, maxGap }: Pick<PushPlan, 'write' | 'maxGap'>): RangeSet {
  return rangeSet(write, maxGap);
}

/** Returns the gaps that a push may send: the part of `mayBeSent` outside of the ranges to write. */
export function gapsOf(plan: Pick<PushPlan, 'write' | 'maxGap'>): RangeSet {
  return subtract(mayBeSent(plan), plan.write);
}

function wholePages(bytes: number): number {
  return Math.floor(bytes / PAGE) * PAGE;
}

/** Returns the page of the base's footer. If the disk grew, it would lie within the data. */
function oldFooter({ blobSize }: PlannedBase): Range[] {
  return [{ offset: blobSize - PAGE, length: PAGE }];
}

/** Returns the part of a set before `end`. */
function upTo(end: number, set: RangeSet): RangeSet {
  const last = set.at(-1);
  if (!last || endOf(last) <= end) return set;
  return set
    .filter(({ offset }) => offset < end)
    .map((range) => (endOf(range) <= end ? range : { offset: range.offset, length: end - range.offset }));
}
