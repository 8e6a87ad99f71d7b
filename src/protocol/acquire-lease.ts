import { hasCode } from '../errors.js';
import { Lease } from '../azure/lease.js';
import type { BlobProperties } from '../azure/blob-properties.js';
import { hasStatus } from '../azure/service-error.js';
import { updateLeaseRecord, writeLeaseRecord, type LeaseRecord } from '../state/lease-record.js';
import { thisOwner } from '../state/owner.js';
import { formerRoots, possibleIds } from './former-leases.js';
import { isLeased, type LeaseContext } from './lease-context.js';
import { waitForLease } from './wait-for-lease.js';

/** Which lease to take, and what may prove that only this push has written to the blob. */
export interface LeaseRequest {
  /** The root of the ids of this run's lease. */
  readonly root: string;
  /** The root in the blob's metadata, if this run can decrypt it. */
  readonly recordedRoot: string | undefined;
  /** The blob as it was seen last. */
  readonly seen?: BlobProperties;
  /** The blob's ETag if it is sure that nothing else has written to it so far. */
  readonly untouched?: string | undefined;
}

/**
 * Takes the lease of a blob. `Lease.isProved` of it is true, so only holders of this push have written, if
 *
 * - the blob still has the ETag that it had when it was made, or when an earlier run ended in order; or
 * - the lease of an earlier run can be taken over: that of a crashed process of this machine, or, once it has run out, the
 *   one in the metadata.
 *
 * Otherwise it is taken without a proof. Throws `destination-busy` if a running process renews it.
 */
export async function acquireLease(context: LeaseContext, request: LeaseRequest): Promise<Lease> {
  const { stateFolder, blob } = context;
  const { root, untouched } = request;
  const own: LeaseRecord = { uri: blob.uri, leaseId: root, owner: thisOwner() };
  const former = await recordClaim(stateFolder, own);
  const lease =
    (await acquireUnchanged(context, root, untouched)) ??
    (await acquireUnchanged(context, root, former.etag)) ??
    (await acquireInTime(context, request, former.roots));
  await writeLeaseRecord(stateFolder, own);
  return lease;
}

/**
 * Records a lease before it is taken, so that a crash in between leaves its id; but does not replace the record of a running
 * process. Returns what the record was before: the roots that the lease may have, and the ETag from an orderly end.
 */
async function recordClaim(
  stateFolder: string,
  own: LeaseRecord,
): Promise<{ roots: readonly string[]; etag: string | undefined }> {
  let roots: readonly string[] = [];
  let etag: string | undefined;
  await updateLeaseRecord(stateFolder, own.uri, (current) => {
    roots = formerRoots(current);
    etag = current?.etag;
    if (current && roots.length === 0) return current;
    return { ...own, ...(roots.length > 0 ? { formerIds: roots } : {}), ...(etag === undefined ? {} : { etag }) };
  });
  return { roots, etag };
}

/** Takes the lease if the blob has this ETag. Returns `undefined` if not, or without an ETag. */
async function acquireUnchanged(
  { session, blob }: LeaseContext,
  root: string,
  etag: string | undefined,
): Promise<Lease | undefined> {
  if (etag === undefined) return undefined;
  try {
    return await Lease.acquire(blob, { root, step: 1 }, session.abort, { ifMatch: etag });
  } catch (error) {
    if (hasStatus(error, 409, 412)) return undefined;
    throw error;
  }
}

/** Takes over the lease of an earlier run, or takes a new one as soon as there is none. */
async function acquireInTime(
  context: LeaseContext,
  { root, recordedRoot, seen }: LeaseRequest,
  formerRoots: readonly string[],
): Promise<Lease> {
  let roots = formerRoots;
  const ifHeld = 'another push is writing to it and holds its lease';
  return waitForLease(context, { seen, ifHeld }, async (properties) => {
    const { state } = properties.lease;
    const isExpired = state === 'expired';
    // Before it has run out, another machine may still renew it.
    if (isExpired && recordedRoot !== undefined) roots = [...roots, recordedRoot];
    const lease = isExpired || state === 'leased' ? await takeOver(context, roots, root) : undefined;
    roots = [];
    return lease ?? (isLeased(properties) ? undefined : await acquireFree(context, root));
  });
}

/** Takes over a lease that has one of `roots`. Returns `undefined` if it has none of them. */
async function takeOver(
  { session, blob }: LeaseContext,
  roots: readonly string[],
  root: string,
): Promise<Lease | undefined> {
  for (const held of roots.flatMap(possibleIds)) {
    const lease = await Lease.takeOver(blob, held, root, session.abort);
    if (lease) return lease;
  }
  return undefined;
}

/** Takes the lease of a blob that has none. Returns `undefined` if another process has just taken it. */
async function acquireFree({ session, blob }: LeaseContext, root: string): Promise<Lease | undefined> {
  try {
    return await Lease.acquire(blob, { root, step: 0 }, session.abort);
  } catch (error) {
    if (hasCode(error, 'destination-busy')) return undefined;
    throw error;
  }
}
