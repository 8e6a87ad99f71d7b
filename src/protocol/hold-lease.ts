import { VhdupError } from '../errors.js';
import { LEASE_SECONDS, Lease } from '../azure/lease.js';
import { releaseLeaseAfter } from '../azure/lease-requests.js';
import { MAX_STEP, leaseGuid, type LeaseId } from '../azure/lease-id.js';
import { stateOf } from './push-record.js';
import type { BlobProperties } from '../azure/blob-properties.js';
import type { PageBlob } from '../azure/page-blob.js';
import { pause } from '../run/retry.js';
import { hasStatus } from '../azure/service-error.js';
import {
  deleteLeaseRecord,
  readLeaseRecord,
  updateLeaseRecord,
  writeLeaseRecord,
  type LeaseRecord,
} from '../state/lease-record.js';
import { judgeOwner, thisOwner } from '../state/owner.js';
import { busy } from './busy.js';
import { present } from './present.js';
import type { Session } from '../session/session.js';

/** Between two looks at a lease, in milliseconds. */
export const POLL_MS = 1000;
/** Roots kept in a record: one more for each crash in a row while a lease is taken over. */
const MAX_FORMER = 12;

/** The longest time that the service lets a lease end in. */
const MAX_BREAK_SECONDS = 60;

/** What helps to take the lease of a destination. */
export interface LeaseClaim {
  /** The root of the ids of this run's lease. */
  readonly root: string;
  /** The root in the blob's metadata, if this run can decrypt it. */
  readonly noted: string | undefined;
  /** The blob as it was seen last. */
  readonly seen?: BlobProperties;
  /** The blob's ETag if it is sure that nothing else has written to it so far. */
  readonly untouched?: string | undefined;
}

/**
 * Takes the lease of the destination. `Lease.isProved` of it is true, so only holders of this push have written, if
 *
 * - the blob still has the ETag that it had when it was made, or when an earlier run ended in order; or
 * - the lease of an earlier run can be taken over: that of a crashed process of this machine, or, once it has run out, the
 *   one in the metadata.
 *
 * Otherwise it is taken without a proof. Throws `destination-busy` if a running process renews it.
 */
export async function hold(
  session: Session,
  blob: PageBlob,
  stateFolder: string,
  { root, noted, seen, untouched }: LeaseClaim,
): Promise<Lease> {
  const own: LeaseRecord = { uri: blob.uri, leaseId: root, owner: thisOwner() };
  const { former, etag: left } = await noteClaim(stateFolder, own);
  const held = async (lease: Lease) => {
    await writeLeaseRecord(stateFolder, own);
    return lease;
  };
  for (const etag of [untouched, left]) {
    const lease = etag === undefined ? undefined : await acquireUnchanged(session, blob, root, etag);
    if (lease) return held(lease);
  }
  const deadline = performance.now() + (LEASE_SECONDS + 5) * 1000;
  let roots = former;
  for (let looks = 0; ; looks++) {
    const properties = (looks === 0 ? seen : undefined) ?? (await present(blob));
    const { state, infinite } = properties.lease;
    const isExpired = state === 'expired';
    if (isExpired && noted !== undefined) roots = [...roots, noted];
    const lease = isExpired || state === 'leased' ? await takeOver(session, blob, roots, root) : undefined;
    if (lease) return held(lease);
    roots = [];
    const taken = state === 'leased' || state === 'breaking' ? undefined : await acquireFree(session, blob, root);
    if (taken) return held(taken);
    if (infinite) throw busy(blob, 'it is leased without end', properties.metadata);
    if (performance.now() > deadline)
      throw busy(blob, 'another push is writing to it and holds its lease', properties.metadata);
    if (state === 'leased' && looks === 0)
      session.note(
        `${blob.uri} is leased: waiting up to ${LEASE_SECONDS} s, in case it is by a push that was interrupted`,
      );
    await pause(POLL_MS, session.stop);
  }
}

/**
 * Records a lease before it is taken, so that a crash in between leaves its id; but does not replace the record of a running
 * process. Returns what the record was before: the roots that the lease may have, and the ETag from an orderly end.
 */
async function noteClaim(
  stateFolder: string,
  own: LeaseRecord,
): Promise<{ former: readonly string[]; etag: string | undefined }> {
  let former: readonly string[] = [];
  let etag: string | undefined;
  await updateLeaseRecord(stateFolder, own.uri, (current) => {
    former = rootsOf(current);
    etag = current?.etag;
    if (current && former.length === 0) return current;
    return { ...own, ...(former.length > 0 ? { formerIds: former } : {}), ...(etag === undefined ? {} : { etag }) };
  });
  return { former, etag };
}

/** Takes the lease if the blob has this ETag; returns `undefined` if not. */
async function acquireUnchanged(
  session: Session,
  blob: PageBlob,
  root: string,
  etag: string,
): Promise<Lease | undefined> {
  try {
    return await Lease.acquire(blob, { root, step: 1 }, session.abort, { ifMatch: etag });
  } catch (error) {
    if (hasStatus(error, 409, 412)) return undefined;
    throw error;
  }
}

async function acquireFree(session: Session, blob: PageBlob, root: string): Promise<Lease | undefined> {
  try {
    return await Lease.acquire(blob, { root, step: 0 }, session.abort);
  } catch (error) {
    if (error instanceof VhdupError && error.code === 'destination-busy') return undefined;
    throw error;
  }
}

async function takeOver(
  session: Session,
  blob: PageBlob,
  roots: readonly string[],
  root: string,
): Promise<Lease | undefined> {
  for (const held of roots.flatMap(idsOf)) {
    const lease = await Lease.takeOver(blob, held, root, session.abort);
    if (lease) return lease;
  }
  return undefined;
}

/**
 * Releases the lease; that of a finished blob no sooner than a later write would be noticed. Records the ETag of an unfinished
 * blob before: if the blob still has it when this machine resumes, nothing was written to it meanwhile.
 */
export async function letGo(lease: Lease, blob: PageBlob, stateFolder: string): Promise<void> {
  const last = await lease.finalProperties();
  const ended: LeaseRecord = { uri: blob.uri, leaseId: lease.root, owner: thisOwner(), hasEnded: true };
  const keep = (record: LeaseRecord | undefined) =>
    updateLeaseRecord(stateFolder, blob.uri, (current) => (current?.leaseId === lease.root ? record : current));
  // The next run can renew an expired lease, if nothing has taken it since: that is a proof, which a new lease is not.
  if (last === 'refused' && !lease.isReleaseDelayed) return keep(ended);
  const isFinished = typeof last === 'object' && stateOf(last.metadata)?.state === 'complete';
  if (typeof last === 'object') lease.delayRelease(isFinished ? unnoticedFor(last) : 0);
  const etag = typeof last === 'object' && !isFinished && lease.isProved ? last.etag : undefined;
  if (etag !== undefined) await keep({ ...ended, etag });
  // A lease that could not be given back (no network) is the next run's to take over.
  if ((await lease.release()) && etag === undefined) await keep(undefined);
}

/**
 * Releases the lease of a crashed process of this machine, if there is nothing left to do under it; that of a finished blob
 * no sooner than a later write would be noticed. `found`: the blob as it was seen last.
 */
export async function letGoCrashed(blob: PageBlob, found: BlobProperties, stateFolder: string): Promise<void> {
  const record = await readLeaseRecord(stateFolder, blob.uri);
  const roots = rootsOf(record);
  if (found.lease.state === 'leased' && !found.lease.infinite) {
    for (const id of roots.flatMap(idsOf))
      if ((await releaseLeaseAfter(blob, leaseGuid(id), unnoticedFor(found))) === 'ended') break;
  }
  if (roots.length > 0) await deleteLeaseRecord(stateFolder, blob.uri);
}

/** Returns the roots that a lease may have, from the record of a process that is gone, or that ended its work. */
function rootsOf(record: LeaseRecord | undefined): string[] {
  return record && (record.hasEnded === true || judgeOwner(record.owner) === 'gone')
    ? [record.leaseId, ...(record.formerIds ?? [])].slice(0, MAX_FORMER)
    : [];
}

/** Returns the ids that a lease may have, the likeliest first. */
function idsOf(root: string): LeaseId[] {
  return Array.from({ length: MAX_STEP + 1 }, (_, index) => ({ root, step: MAX_STEP - index }));
}

/** Seconds for which a write to a finished blob could still have the time of its completion. */
export function unnoticedFor({ metadata, date }: BlobProperties): number {
  const { completedAt, completedSlackMs } = stateOf(metadata) ?? {};
  return completedAt === undefined || completedSlackMs !== 0
    ? 0
    : Math.min(MAX_BREAK_SECONDS, Math.max(0, Math.ceil((completedAt.getTime() - date.getTime()) / 1000) + 1));
}

/** Waits until a lease that is about to end has ended; returns the blob as it is then. */
export async function awaitBreak(session: Session, blob: PageBlob, found: BlobProperties): Promise<BlobProperties> {
  let properties = found;
  while (properties.lease.state === 'breaking') {
    await pause(POLL_MS, session.stop);
    properties = await present(blob);
  }
  return properties;
}
