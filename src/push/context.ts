import type { Destination } from '../destination/destination.js';
import type { LeafComparison } from '../content/compare-leaves.js';
import type { DiskDigests } from '../content/disk-digests.js';
import type { SourceGuard } from '../content/source-guard.js';
import type { Disk } from '../disk/disk.js';
import type { FixedStream } from '../protocol/fixed-vhd.js';
import type { PushPlan } from '../plan/push-plan.js';
import type { PushIdentity } from '../protocol/push-record.js';
import type { Session } from '../session/session.js';
import type { DigestCache } from '../state/digest-cache.js';
import type { Base } from './base.js';
import type { DestinationState } from './destination-state.js';
import type { PushOptions } from './options.js';

/** What all steps of one push share. */
export interface PushContext {
  readonly session: Session;
  readonly options: PushOptions;
  /** True if nothing will be sent: only what the plan needs is computed. */
  readonly isDryRun: boolean;
  readonly guard: SourceGuard;
  /** The disk under its guard: the only one to read from. */
  readonly disk: Disk;
  /** The bytes that the destination gets. */
  readonly stream: FixedStream;
  readonly destination: Destination;
  /** The digests that this machine keeps; `undefined` for none. */
  readonly cache: DigestCache | undefined;
}

/** A push with all that is decided before the first request that changes anything. */
export interface PreparedPush extends PushContext {
  readonly base: Base | undefined;
  /** False if only the blob's metadata says that an earlier run has checked the base's content. */
  readonly isBaseChecked: boolean;
  readonly plan: PushPlan;
  /** How the disk differs from a base that is compared by leaves. */
  readonly comparison: LeafComparison | undefined;
  readonly digests: DiskDigests;
  /** The content of the push record while the push runs; only `state` changes. */
  readonly identity: PushIdentity;
  readonly found: DestinationState;
}
