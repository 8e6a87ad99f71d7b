import { RangeMerger, endOf, pieceCount, totalLength, union, type Range, type RangeSet } from './range.js';

/** What a request and a byte cost, by the service's targets for one blob. */
export interface CostModel {
  readonly bytesPerSecond: number;
  readonly requestsPerSecond: number;
}

/** The targets of a standard page blob: 60 MiB/s and 500 requests/s. */
export const STANDARD_PAGE_BLOB: CostModel = { bytesPerSecond: 60 * 1024 * 1024, requestsPerSecond: 500 };
/** The most that one Put Page carries, in bytes. */
export const MAX_WRITE = 4 * 1024 * 1024;
export const PAGE = 512;

/** What the disk says of a stretch: it stores bytes, it is zero, or what lies below shows through. */
export interface PlannedExtent extends Range {
  readonly kind: 'data' | 'zero' | 'absent';
}

/** The blob that is copied and changed. */
export interface PlannedBase {
  /** Bytes, its footer included. */
  readonly blobSize: number;
}

/** What is pushed over what, and what it costs. */
export interface PlanTarget {
  /** Virtual size in bytes; the footer comes behind it. */
  readonly size: number;
  readonly base?: PlannedBase | undefined;
  readonly cost?: CostModel;
}

export interface PlanSource extends PlanTarget {
  /** All of `[0, size)` in order. Over a base: what the layers above it say; without one nothing is `absent`. */
  readonly extents: Iterable<PlannedExtent>;
}

/** What a push does to the destination. The same source gives the same plan. */
export interface PushPlan {
  /** Size of the blob in bytes, the footer included. */
  readonly size: number;
  /** Bytes that the service copies from the base; 0 for a full push. */
  readonly copied: number;
  /** Cleared before the first write: all that is written, all that became zero, and the base's footer. Empty for a full push. */
  readonly clear: RangeSet;
  /** Read and written, less what turns out to be zero. */
  readonly write: RangeSet;
  /** Written last, and alone. */
  readonly footer: Range;
  /** Stretches between changes of no more than this many bytes are sent along, or zeros within data written. */
  readonly gap: number;
  readonly totals: {
    /** The most that is sent, in bytes, the footer included. */
    readonly send: number;
    /** The part of `send` that is sent only to save requests. */
    readonly gaps: number;
    readonly clear: number;
    /** Bytes of the disk that are neither sent nor cleared: the base has them, or they are zero. */
    readonly skip: number;
    /** Put Page and Clear Pages requests, where all that may be sent is. */
    readonly requests: number;
  };
}

/**
 * Makes the plan of a push of extents that come one by one: it holds only the ranges that become the plan.
 * Ranges close to each other are merged where sending the bytes between them costs less than the requests it saves:
 * one Put Page, and over a base one Clear Pages too. Over a base the bytes between are unchanged or zero, and are sent
 * from the local disk.
 */
export class PushPlanner {
  readonly #size: number;
  readonly #base: PlannedBase | undefined;
  readonly #gap: number;
  readonly #write: RangeMerger;
  readonly #zeroed = new RangeMerger();

  constructor({ size, base, cost = STANDARD_PAGE_BLOB }: PlanTarget) {
    this.#size = size;
    this.#base = base;
    this.#gap = gapLimit(cost, base ? 2 : 1);
    this.#write = new RangeMerger(this.#gap);
  }

  /** Takes the next extent, in order: all of `[0, size)`. Without a base nothing is `absent`. */
  add(extent: PlannedExtent): void {
    if (extent.kind === 'data') this.#write.add(extent);
    else if (extent.kind === 'zero' && this.#base) this.#zeroed.add(extent);
  }

  /** The plan, when all extents were added. */
  plan(): PushPlan {
    const size = this.#size;
    const base = this.#base;
    const write = this.#write.finish();
    const clear = base ? upTo(size, union(union(write, this.#zeroed.finish()), oldFooter(base))) : [];
    const written = totalLength(write);
    const cleared = totalLength(clear);
    return {
      size: size + PAGE,
      copied: base?.blobSize ?? 0,
      clear,
      write,
      footer: { offset: size, length: PAGE },
      gap: this.#gap,
      totals: {
        send: written + PAGE,
        gaps: written - this.#write.added,
        clear: cleared,
        // Over a base all that is written is cleared before.
        skip: size - (base ? cleared : written),
        requests: pieceCount(write, MAX_WRITE) + clear.length + 1,
      },
    };
  }
}

/** The plan of a push whose extents are at hand. */
export function makePushPlan({ extents, ...target }: PlanSource): PushPlan {
  const planner = new PushPlanner(target);
  for (const extent of extents) planner.add(extent);
  return planner.plan();
}

/** The longest stretch worth sending to save some requests, in bytes, whole pages. */
function gapLimit({ bytesPerSecond, requestsPerSecond }: CostModel, requests: number): number {
  return Math.floor((requests * bytesPerSecond) / requestsPerSecond / PAGE) * PAGE;
}

/** In a disk that grew, the base's footer would lie within the data. */
function oldFooter({ blobSize }: PlannedBase): Range[] {
  return [{ offset: blobSize - PAGE, length: PAGE }];
}

/** The part of a set before `end`. */
function upTo(end: number, set: RangeSet): RangeSet {
  const last = set.at(-1);
  if (!last || endOf(last) <= end) return set;
  return set.filter(({ offset }) => offset < end).map((range) => (endOf(range) <= end ? range : { offset: range.offset, length: end - range.offset }));
}
