import { randomUUID } from 'node:crypto';
import { VhdupError } from '../errors.js';
import { LEASE_SECONDS, Lease, releaseLease, successorOf } from '../blob/lease.js';
import type { PageBlob } from '../blob/page-blob.js';
import { pause } from '../blob/retry.js';
import { deleteLeaseRecord, readLeaseRecord, writeLeaseRecord, type LeaseRecord } from '../state/lease-record.js';
import { judgeOwner, thisOwner } from '../state/owner.js';
import { busy } from './busy.js';
import { present } from './destination.js';
import type { Session } from '../session/session.js';

const POLL_MS = 1000;
/** Crashes in a row, while a lease is taken over, that are remembered. */
const MAX_FORMER = 12;

/**
 * Takes the lease of the destination. After a crash on this machine it takes over the old lease; after one elsewhere it
 * waits until that runs out. Who renews a lease is alive: then this throws `destination-busy`.
 */
export async function hold(session: Session, blob: PageBlob, stateFolder: string): Promise<Lease> {
  const id = randomUUID();
  const record = await readLeaseRecord(stateFolder, blob.uri);
  const isCrashed = record !== undefined && isOfCrashed(record);
  const remember = (formerIds: readonly string[] = []) => writeLeaseRecord(stateFolder, { uri: blob.uri, leaseId: id, owner: thisOwner(), ...(formerIds.length > 0 ? { formerIds } : {}) });
  if (isCrashed) {
    // Noted before it is taken over, so that a crash in between is known too.
    await remember(idsOf(record).slice(0, MAX_FORMER));
    for (const held of idsOf(record)) {
      const lease = await Lease.takeOver(blob, held, id, LEASE_SECONDS, session.abort);
      if (!lease) continue;
      await remember();
      return lease;
    }
  }
  // Noted before it is held, so that a crash in between is known too; but not over the record of a living process.
  if (!record) await remember();
  const deadline = performance.now() + (LEASE_SECONDS + 5) * 1000;
  for (let waited = false; ; waited = true) {
    try {
      const lease = await Lease.acquire(blob, id, LEASE_SECONDS, session.abort);
      await remember();
      return lease;
    } catch (error) {
      if (!(error instanceof VhdupError) || error.code !== 'destination-busy') throw error;
      const properties = await present(blob);
      if (properties.lease.infinite) throw busy(blob, 'it is leased without end', properties.metadata, error);
      if (performance.now() > deadline) throw busy(blob, 'another push is writing to it and holds its lease', properties.metadata, error);
      if (!waited) session.note(`${blob.uri} is leased: waiting up to ${LEASE_SECONDS} s, in case it is by a push that was interrupted`);
      await pause(POLL_MS, session.stop);
    }
  }
}

/** Gives the lease back and forgets it. */
export async function letGo(lease: Lease, blob: PageBlob, stateFolder: string): Promise<void> {
  // A lease that could not be given back (no network) is the next run's to take over.
  if (await lease.release()) await deleteLeaseRecord(stateFolder, blob.uri);
}

/** Gives back what a process of this machine held when it crashed, where there is nothing left to do under the lease. */
export async function letGoCrashed(blob: PageBlob, stateFolder: string): Promise<void> {
  const record = await readLeaseRecord(stateFolder, blob.uri);
  if (!record || !isOfCrashed(record)) return;
  for (const id of idsOf(record)) await releaseLease(blob, id);
  await deleteLeaseRecord(stateFolder, blob.uri);
}

/** The ids that the holder may have had at its end. */
function idsOf({ leaseId, formerIds = [] }: LeaseRecord): string[] {
  return [successorOf(leaseId), leaseId, ...formerIds];
}

/** True where the process of a record was on this machine and is proved to be gone. */
function isOfCrashed({ owner }: LeaseRecord): boolean {
  return judgeOwner(owner) === 'gone';
}
