import { intersect, rangeSet, splitAt, subtract, totalLength, type Range, type RangeSet } from './range.js';

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

export interface PlanSource {
  /** Virtual size in bytes; the footer comes behind it. */
  readonly size: number;
  /** All of `[0, size)` in order. Over a base: what the layers above it say; without one nothing is `absent`. */
  readonly extents: Iterable<PlannedExtent>;
  readonly base?: PlannedBase | undefined;
  readonly cost?: CostModel;
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
 * Makes the plan of a push.
 * Ranges close to each other are merged where sending the bytes between them costs less than the requests it saves:
 * one Put Page, and over a base one Clear Pages too. Over a base the bytes between are unchanged or zero, and are sent
 * from the local disk.
 */
export function makePushPlan({ size, extents, base, cost = STANDARD_PAGE_BLOB }: PlanSource): PushPlan {
  const changed: Range[] = [];
  const zeroed: Range[] = [];
  for (const { offset, length, kind } of extents) {
    if (kind === 'data') changed.push({ offset, length });
    else if (kind === 'zero' && base) zeroed.push({ offset, length });
  }
  const gap = gapLimit(cost, base ? 2 : 1);
  const data = rangeSet(changed);
  const write = rangeSet(data, gap);
  const footer = { offset: size, length: PAGE };
  const disk = [{ offset: 0, length: size }];
  const clear = base ? intersect(rangeSet([...write, ...zeroed, ...oldFooter(base)]), disk) : [];
  const send = totalLength(write) + PAGE;
  return {
    size: size + PAGE,
    copied: base?.blobSize ?? 0,
    clear,
    write,
    footer,
    gap,
    totals: {
      send,
      gaps: totalLength(write) - totalLength(data),
      clear: totalLength(clear),
      skip: totalLength(subtract(subtract(disk, write), clear)),
      requests: [...splitAt(write, MAX_WRITE)].length + clear.length + 1,
    },
  };
}

/** The longest stretch worth sending to save some requests, in bytes, whole pages. */
function gapLimit({ bytesPerSecond, requestsPerSecond }: CostModel, requests: number): number {
  return Math.floor((requests * bytesPerSecond) / requestsPerSecond / PAGE) * PAGE;
}

/** In a disk that grew, the base's footer would lie within the data. */
function oldFooter({ blobSize }: PlannedBase): Range[] {
  return [{ offset: blobSize - PAGE, length: PAGE }];
}
