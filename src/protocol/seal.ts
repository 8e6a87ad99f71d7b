import { randomUUID } from 'node:crypto';
import { VhdupError, messageOf } from '../errors.js';
import type { Lease } from '../azure/lease.js';
import { acquireInfiniteLease, renewLease } from '../azure/lease-requests.js';
import type { BlobProperties } from '../azure/blob-properties.js';
import type { PageBlob } from '../azure/page-blob.js';
import { failureOf, hasStatus } from '../azure/service-error.js';
import type { LeaseContext } from './lease-context.js';
import { requireStillThere } from './require-blob.js';
import { waitForBreak } from './wait-for-lease.js';
import { readSealRecord, restoreSealRecord, writeSealRecord, type SealRecord } from '../state/seal-record.js';
import { call, option } from '../option-names.js';
import { rule } from '../option-rules.js';

/** How to keep a finished blob from changing: under an infinite lease, or by a policy of the service until a date. */
export type SealMode = { readonly kind: 'lease' } | { readonly kind: 'immutable'; readonly until: Date };

/** What the option for a seal has to be. */
export const SEAL_RULE = rule(
  "{ kind: 'lease' } or { kind: 'immutable', until: a Date }",
  (value) => typeof value === 'object' && value !== null && 'kind' in value && isSealMode(value),
);

function isSealMode(value: object & { readonly kind: unknown }): boolean {
  if (value.kind === 'lease') return true;
  const isUntilDate = 'until' in value && value.until instanceof Date && !Number.isNaN(value.until.getTime());
  return value.kind === 'immutable' && isUntilDate;
}

/** What keeps a sealed blob from changing. */
export interface Seal {
  readonly kind: SealMode['kind'];
  /** The id of the infinite lease, with which the seal can be removed. Absent if the blob was sealed elsewhere. */
  readonly leaseId?: string;
  /** ISO 8601. */
  readonly until?: string;
}

/** Seals a finished blob whose lease this process holds. The blob is leased all the time. */
export async function sealUnderLease(context: LeaseContext, lease: Lease, mode: SealMode): Promise<Seal> {
  if (mode.kind === 'immutable') return sealUntil(context.blob, mode.until);
  const id = randomUUID();
  // Recorded before it is held: an infinite lease with an unknown id could only be broken.
  await record(context, id);
  await lease.makeInfinite(id);
  return { kind: 'lease', leaseId: id };
}

/**
 * Seals a finished blob that this process holds no lease of, as it was seen. A blob that is sealed already stays as it is. A seal
 * that an earlier run of this machine began is completed under its recorded id. Throws `seal-refused` if the blob was changed
 * since, `destination-busy` if it is leased by another process.
 */
export async function sealUnleased(
  context: LeaseContext,
  { etag }: Pick<BlobProperties, 'etag'>,
  mode: SealMode,
): Promise<Seal> {
  const { session, blob, stateFolder } = context;
  // Since the blob was seen, the lease of a crashed run may have been broken.
  const { lease } = await waitForBreak(session, blob, await requireStillThere(blob));
  if (mode.kind === 'immutable') {
    const seal = await sealUntil(blob, mode.until);
    // The policy takes no condition, and leaves the ETag as it is.
    if ((await blob.properties())?.etag !== etag) throw changed(blob);
    return seal;
  }
  const known = await readSealRecord(stateFolder, blob.uri);
  if (lease.infinite) {
    return known && (await renewLease(blob, known.leaseId))
      ? { kind: 'lease', leaseId: known.leaseId }
      : { kind: 'lease' };
  }
  if (known && lease.state === 'leased' && (await completeSeal(blob, known.leaseId, etag)))
    return { kind: 'lease', leaseId: known.leaseId };
  const id = randomUUID();
  const before = await record(context, id);
  try {
    await acquireInfiniteLease(blob, id, { ifMatch: etag });
  } catch (error) {
    // Refused: another process of this machine may have been faster, and its record counts. Without an answer the blob may be
    // sealed under this id.
    if (hasStatus(error, 404, 409, 412)) await restoreSealRecord(stateFolder, { uri: blob.uri, leaseId: id }, before);
    throw error instanceof VhdupError && failureOf(error.cause).code === 'ConditionNotMet'
      ? changed(blob, error)
      : error;
  }
  return { kind: 'lease', leaseId: id };
}

/**
 * Completes the seal of a run that was killed after it had changed the lease to the seal's id: the lease gets no end. Returns
 * false if the blob is leased under another id, or was changed.
 */
async function completeSeal(blob: PageBlob, id: string, etag: string): Promise<boolean> {
  try {
    await acquireInfiniteLease(blob, id, { ifMatch: etag });
    return true;
  } catch (error) {
    if (hasStatus(error, 409, 412)) return false;
    throw error;
  }
}

function changed({ uri }: PageBlob, cause?: unknown): VhdupError {
  return new VhdupError('seal-refused', `${uri}: it was changed before it could be sealed`, {
    cause,
    hint: 'find out what writes to it, then run the same command',
  });
}

/** Records the id of a seal. Returns the record that it replaces. */
async function record({ session, blob, stateFolder }: LeaseContext, leaseId: string): Promise<SealRecord | undefined> {
  try {
    return await writeSealRecord(stateFolder, { uri: blob.uri, leaseId });
  } catch (error) {
    session.warn({
      code: 'seal-id-not-recorded',
      message: `the id of the seal cannot be recorded on this machine (${messageOf(error)})`,
      hint: `keep it yourself: ${leaseId}`,
    });
    return undefined;
  }
}

async function sealUntil(blob: PageBlob, until: Date): Promise<Seal> {
  try {
    await blob.setImmutableUntil(until);
  } catch (error) {
    if (!(error instanceof VhdupError) || error.code !== 'unexpected') throw error;
    throw new VhdupError('seal-refused', `${error.message}; the blob is complete, but not sealed`, {
      cause: error,
      hint: `the account or container has to have version-level immutability; seal it with an infinite lease instead (${option('seal', 'lease')}, or ${call('sealBlob')}), or run the same command once it has`,
    });
  }
  return { kind: 'immutable', until: until.toISOString() };
}
