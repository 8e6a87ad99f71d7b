import type { BaseCheck } from '../protocol/push-record.js';
import { gapsOf, type PushPlan } from '../plan/push-plan.js';
import { totalLength } from '../bytes/range.js';
import type { Base } from './base.js';
import type { Seal } from '../protocol/seal.js';
import type { Sent } from './transfer.js';

/** The base of a push, for programs. */
export interface BaseSummary {
  readonly uri: string;
  readonly id: string;
  /** Index into the disk's layers of the ancestor that it equals. */
  readonly layer: number;
  /** What proved that it is that ancestor. */
  readonly check: BaseCheck;
  /** What keeps it from changing, in words. */
  readonly protection: string | undefined;
}

/** What a push would do. */
export interface PlannedPush {
  readonly destination: string;
  /** `nothing`: the same content is there, complete. */
  readonly action: 'push' | 'resume' | 'nothing';
  readonly base: BaseSummary | undefined;
  readonly plan: PushPlan;
  readonly warnings: readonly string[];
}

/** What a push did. Amounts are bytes. */
export interface PushResult {
  readonly destination: string;
  readonly outcome: 'pushed' | 'resumed' | 'already-there';
  readonly id: string | undefined;
  /** Of the blob, the footer included. */
  readonly size: number;
  readonly base: BaseSummary | undefined;
  /** Base64, as the blob has it. */
  readonly contentMd5: string | undefined;
  /** Sent by this run, the footer included. */
  readonly sent: number;
  /** Put Page requests of this run. */
  readonly requests: number;
  /** Read, found zero, and not sent. */
  readonly zeros: number;
  /** Copied by the service. */
  readonly copied: number;
  readonly cleared: number;
  /** The most bytes of gaps between changes among what was sent: they were sent only to save requests. */
  readonly gaps: number;
  /** What keeps the blob from changing, where that was asked for. */
  readonly seal?: Seal;
  readonly warnings: readonly string[];
}

export interface Outcome {
  readonly destination: string;
  readonly outcome: PushResult['outcome'];
  readonly id: string | undefined;
  readonly base: BaseSummary | undefined;
  readonly plan: PushPlan;
  readonly contentMd5: Uint8Array | undefined;
  readonly sent: Sent | undefined;
  readonly seal: Seal | undefined;
  readonly warnings: readonly string[];
}

export function summaryOf(base: Base): BaseSummary {
  return {
    uri: base.blob.uri,
    id: base.id,
    layer: base.layer,
    check: base.check,
    protection: base.properties.protection,
  };
}

export function summarise({
  destination,
  outcome,
  id,
  base,
  plan,
  contentMd5,
  sent,
  seal,
  warnings,
}: Outcome): PushResult {
  const worked = outcome !== 'already-there';
  return {
    destination,
    outcome,
    id,
    size: plan.size,
    base,
    contentMd5: contentMd5 && Buffer.from(contentMd5).toString('base64'),
    sent: sent?.bytes ?? 0,
    requests: sent?.requests ?? 0,
    zeros: sent?.zeros ?? 0,
    copied: worked ? plan.copied : 0,
    cleared: worked ? plan.totals.clear : 0,
    gaps: sent ? plan.totals.gaps - totalLength(gapsOf(plan)) + totalLength(sent.gaps) : 0,
    ...(seal ? { seal } : {}),
    warnings,
  };
}
