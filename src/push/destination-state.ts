import type { DestinationSnapshot } from '../destination/destination.js';
import type { PushRecord } from '../protocol/push-record.js';

/** Nothing, or something that may be replaced if it is still as it was seen. */
export interface Replaceable {
  readonly kind: 'replaceable';
  /** The ETag that it must have; `undefined` if nothing may be there. */
  readonly ifMatch: string | undefined;
  /** What has to be made ready to be replaced first. */
  readonly replaces: DestinationSnapshot | undefined;
}

/** This very push, not finished. */
export interface Resumable {
  readonly kind: 'resumable';
  readonly record: PushRecord;
  readonly seen: DestinationSnapshot;
}

/** The same content, finished. */
export interface Complete {
  readonly kind: 'complete';
  readonly seen: DestinationSnapshot;
}

/** What the destination is to this push. */
export type DestinationState = Replaceable | Resumable | Complete;
