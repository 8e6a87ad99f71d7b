import { type Lease } from '../azure/lease.js';
import { releaseLeaseAfter } from '../azure/lease-requests.js';
import { leaseGuid } from '../azure/lease-id.js';
import type { BlobProperties } from '../azure/blob-properties.js';
import { deleteLeaseRecord, readLeaseRecord, updateLeaseRecord, type LeaseRecord } from '../state/lease-record.js';
import { thisOwner } from '../state/owner.js';
import { formerRoots, possibleIds } from './former-leases.js';
import type { LeaseContext } from './lease-context.js';
import { parsePushRecord } from './push-record.js';

/** The longest time that the service lets a lease end in. */
const MAX_BREAK_SECONDS = 60;

/**
 * Releases the lease; that of a finished blob no sooner than a later write would be noticed. Records the ETag of an unfinished
 * blob before: if the blob still has it when this machine resumes, nothing was written to it meanwhile.
 */
export async function releaseLease({ blob, stateFolder }: LeaseContext, lease: Lease): Promise<void> {
  const last = await lease.finalProperties();
  const ended: LeaseRecord = { uri: blob.uri, leaseId: lease.root, owner: thisOwner(), hasEnded: true };
  const keep = (record: LeaseRecord | undefined) =>
    updateLeaseRecord(stateFolder, blob.uri, (current) => (current?.leaseId === lease.root ? record : current));
  // The next run can renew an expired lease, if nothing has taken it since: that is a proof, which a new lease is not.
  if (last === 'refused' && !lease.isReleaseDelayed) return keep(ended);
  const isFinished = typeof last === 'object' && parsePushRecord(last.metadata)?.state === 'complete';
  if (typeof last === 'object') lease.delayRelease(isFinished ? secondsUntilNoticed(last) : 0);
  const etag = typeof last === 'object' && !isFinished && lease.isProved ? last.etag : undefined;
  if (etag !== undefined) await keep({ ...ended, etag });
  // If the lease could not be released (no network), the next run takes it over.
  if ((await lease.release()) && etag === undefined) await keep(undefined);
}

/**
 * Releases the lease that a crashed process of this machine has left, if nothing remains to be done under it; that of a finished
 * blob no sooner than a later write would be noticed. `found`: the blob as it was seen last.
 */
export async function releaseStaleLease(
  { blob, stateFolder }: Omit<LeaseContext, 'session'>,
  found: BlobProperties,
): Promise<void> {
  const record = await readLeaseRecord(stateFolder, blob.uri);
  const roots = formerRoots(record);
  if (found.lease.state === 'leased' && !found.lease.infinite) {
    for (const id of roots.flatMap(possibleIds))
      if ((await releaseLeaseAfter(blob, leaseGuid(id), secondsUntilNoticed(found))) === 'ended') break;
  }
  if (roots.length > 0) await deleteLeaseRecord(stateFolder, blob.uri);
}

/** Returns for how many seconds a write to a finished blob could still have the time of its completion, and go unnoticed. */
export function secondsUntilNoticed({ metadata, date }: BlobProperties): number {
  const { completedAt, completedSlackMs } = parsePushRecord(metadata) ?? {};
  return completedAt === undefined || completedSlackMs !== 0
    ? 0
    : Math.min(MAX_BREAK_SECONDS, Math.max(0, Math.ceil((completedAt.getTime() - date.getTime()) / 1000) + 1));
}
