import { randomUUID } from 'node:crypto';
import { VhdupError, messageOf } from '../errors.js';
import type { Lease } from '../azure/lease.js';
import { acquireInfiniteLease, renewLease } from '../azure/lease-requests.js';
import type { BlobProperties } from '../azure/blob-properties.js';
import type { PageBlob } from '../azure/page-blob.js';
import { failureOf, hasStatus } from '../azure/service-error.js';
import type { Session } from '../session/session.js';
import { present } from './present.js';
import { awaitBreak } from './hold-lease.js';
import { readSealRecord, restoreSealRecord, writeSealRecord, type SealRecord } from '../state/seal-record.js';

/** How a finished blob is to be kept from changing: under an infinite lease, or by a policy of the service until a date. */
export type SealWish = { readonly kind: 'lease' } | { readonly kind: 'immutable'; readonly until: Date };

/** What keeps it from changing now. */
export interface Seal {
  readonly kind: SealWish['kind'];
  /** Of the infinite lease; who has it may take the seal off. Not known where somebody else sealed the blob. */
  readonly leaseId?: string;
  /** ISO 8601. */
  readonly until?: string;
}

/** Seals a finished blob whose lease this process holds: it is under a lease all the time. */
export async function sealHeld(
  session: Session,
  blob: PageBlob,
  lease: Lease,
  wish: SealWish,
  stateFolder: string,
): Promise<Seal> {
  if (wish.kind === 'immutable') return sealUntil(blob, wish.until);
  const id = randomUUID();
  // Noted before it is held: an infinite lease with an id that nobody knows would have to be broken.
  await note(session, blob, id, stateFolder);
  await lease.makeInfinite(id);
  return { kind: 'lease', leaseId: id };
}

/**
 * Seals a finished blob that nobody holds, as it was seen: throws `seal-refused` if it was changed since, and
 * `destination-busy` if somebody holds a lease. A blob that is sealed already stays as it is. A seal that an earlier run of
 * this machine began is completed under its recorded id.
 */
export async function sealFree(
  session: Session,
  blob: PageBlob,
  { etag }: BlobProperties,
  wish: SealWish,
  stateFolder: string,
): Promise<Seal> {
  // Since the blob was seen, the lease of a crashed run may have been broken.
  const { lease } = await awaitBreak(session, blob, await present(blob));
  if (wish.kind === 'immutable') {
    const seal = await sealUntil(blob, wish.until);
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
  const before = await note(session, blob, id, stateFolder);
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
    hint: 'see who writes to it, then run the same command',
  });
}

/** Keeps the id of a seal; what was kept before. */
async function note(
  session: Session,
  blob: PageBlob,
  leaseId: string,
  stateFolder: string,
): Promise<SealRecord | undefined> {
  try {
    return await writeSealRecord(stateFolder, { uri: blob.uri, leaseId });
  } catch (error) {
    session.warn(
      `the id of the seal cannot be kept on this machine (${messageOf(error)}): keep it yourself, ${leaseId}`,
    );
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
      hint: 'the account or container has to have version-level immutability; seal it by an infinite lease instead (--seal=lease, or vhdup seal), or run the same command once it has',
    });
  }
  return { kind: 'immutable', until: until.toISOString() };
}
