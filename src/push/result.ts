import type { Warning } from '../errors.js';
import type { LeafTotals } from '../content/compare-leaves.js';
import type { BaseCheck } from '../protocol/push-record.js';
import { gapsOf, type PushPlan } from '../plan/push-plan.js';
import { totalLength } from '../bytes/range.js';
import type { Base } from './base.js';
import { contentMd5Omission, type ContentMd5Omission } from './content-md5.js';
import type { Seal } from '../protocol/seal.js';
import type { PreparedPush } from './context.js';
import type { Pace } from '../session/session.js';
import type { UploadStats } from './upload.js';

/** The base of a push, for programs. */
export interface BaseSummary {
  /** URI of the blob, without a SAS. */
  readonly blob: string;
  /** Absent if its footer has none. */
  readonly id?: string;
  /** Index into the disk's layers of the ancestor that it equals; absent if it was compared by leaves. */
  readonly layer?: number;
  /** What proved that it is that ancestor. */
  readonly check: BaseCheck;
  /** What keeps it from changing, in words. */
  readonly protection: string | undefined;
}

/** What a push would do. */
export interface PlannedPush {
  /** URI of the destination, without a SAS. */
  readonly blob: string;
  /** `nothing`: the same content is there, complete. */
  readonly action: 'push' | 'resume' | 'nothing';
  readonly base: BaseSummary | undefined;
  /** Bytes of the disk. */
  readonly virtualSize: number;
  /** Bytes of the blob, the footer included. */
  readonly blobSize: number;
  readonly plan: PushPlan;
  /** How the leaves differ from those of the base; only if they were compared. */
  readonly leaves?: LeafTotals;
  /**
   * Bytes that are left to write, at most, the footer not counted. Only if an interrupted push would be resumed, and is not being
   * written to at the moment.
   */
  readonly left?: number;
  /** Milliseconds that sending takes at the rate of `limit`; absent without one. */
  readonly estimatedMs?: number;
  /** Why Content-MD5 would be left out; absent if it would be set, or if nothing would be done. */
  readonly contentMd5Omitted?: ContentMd5Omission;
  readonly warnings: readonly Warning[];
}

/** What a push has done. Amounts are bytes. */
export interface PushResult extends Pace {
  /** URI of the destination, without a SAS. */
  readonly blob: string;
  readonly outcome: 'pushed' | 'resumed' | 'already-there';
  readonly id: string | undefined;
  /** Of the disk. */
  readonly virtualSize: number;
  /** Of the blob, the footer included. */
  readonly blobSize: number;
  readonly base: BaseSummary | undefined;
  /** The image series that the blob is a version of, and its number or tag; absent if it has none. */
  readonly image?: string;
  readonly imageVersion?: string;
  /** Base64, as the blob has it. */
  readonly contentMd5: string | undefined;
  /** Why this push left out Content-MD5; absent if the blob has one. */
  readonly contentMd5Omitted?: ContentMd5Omission;
  /** Sent by this run, the footer included. */
  readonly sent: number;
  /** Put Page requests of this run. */
  readonly requests: number;
  /** Bytes that were read, found zero, and not sent. */
  readonly zeros: number;
  /** Copied by the service. */
  readonly copied: number;
  /** The part of the changes that the service has copied from other places of the base; only if it was compared by leaves. */
  readonly moved?: number;
  readonly cleared: number;
  /** The most bytes of gaps between changes among what was sent: they were sent only to save requests. */
  readonly gaps: number;
  /** What keeps the blob from changing, if that was asked for. */
  readonly seal?: Seal;
  readonly warnings: readonly Warning[];
}

/** How a push has ended. */
export interface Outcome {
  readonly outcome: PushResult['outcome'];
  readonly contentMd5: Uint8Array | undefined;
  /** Absent if nothing was sent. */
  readonly sent?: UploadStats;
  readonly seal: Seal | undefined;
}

/** Returns a base in the form of results. */
export function summaryOf(base: Base): BaseSummary {
  return {
    blob: base.blob.uri,
    ...(base.id === undefined ? {} : { id: base.id }),
    ...(base.check === 'leaves' ? {} : { layer: base.layer }),
    check: base.check,
    protection: base.properties.protection,
  };
}

/** Returns the result of a push. */
export function resultOf(push: PreparedPush, { outcome, contentMd5, sent, seal }: Outcome): PushResult {
  const { session, destination, base, plan, identity } = push;
  const hasWorked = outcome !== 'already-there';
  return {
    blob: destination.uri,
    outcome,
    id: identity.id,
    virtualSize: plan.footer.offset,
    blobSize: plan.size,
    base: base && summaryOf(base),
    ...(identity.image === undefined ? {} : { image: identity.image }),
    ...(identity.imageVersion === undefined ? {} : { imageVersion: identity.imageVersion }),
    contentMd5: contentMd5 && Buffer.from(contentMd5).toString('base64'),
    ...(contentMd5 ? {} : contentMd5Omission(push)),
    sent: sent?.bytes ?? 0,
    requests: sent?.requests ?? 0,
    zeros: sent?.zeros ?? 0,
    copied: hasWorked ? plan.copied : 0,
    ...(push.comparison ? { moved: sent?.moved ?? 0 } : {}),
    cleared: hasWorked ? plan.totals.clear : 0,
    gaps: sent ? plan.totals.gaps - totalLength(gapsOf(plan)) + totalLength(sent.gaps) : 0,
    ...(seal ? { seal } : {}),
    warnings: session.warnings,
    ...session.paceOf(sent?.bytes ?? 0),
  };
}
