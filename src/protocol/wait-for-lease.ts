import { LEASE_SECONDS } from '../azure/lease.js';
import type { PageBlob } from '../azure/page-blob.js';
import type { BlobProperties } from '../azure/blob-properties.js';
import { pause } from '../run/stop.js';
import type { Session } from '../session/session.js';
import { busy } from './busy.js';
import { parsePushRecord } from './push-record.js';
import type { LeaseContext } from './lease-context.js';
import { requireStillThere } from './require-blob.js';

/** Between two looks at a lease, in milliseconds. */
const POLL_MS = 1000;
/** A lease that is not renewed has expired by then, in milliseconds. */
const MAX_WAIT_MS = (LEASE_SECONDS + 5) * 1000;

/** How to wait for a lease. */
export interface LeaseWait {
  /** The blob as it was seen last; read anew if absent. */
  readonly seen?: BlobProperties | undefined;
  /** What `destination-busy` says if the lease is still held in the end. */
  readonly ifHeld: string;
}

/**
 * Looks at the blob once a second until `attempt` returns something, and returns that. A lease of an interrupted push runs out
 * meanwhile. Throws `destination-busy` after 35 s, because then a running process renews the lease, and at once if the lease
 * has no end.
 */
export async function waitForLease<T>(
  { session, blob }: LeaseContext,
  { seen, ifHeld }: LeaseWait,
  attempt: (properties: BlobProperties) => Promise<T | undefined> | T | undefined,
): Promise<T> {
  const deadline = performance.now() + MAX_WAIT_MS;
  for (let looks = 0; ; looks++) {
    const properties = (looks === 0 ? seen : undefined) ?? (await requireStillThere(blob));
    const result = await attempt(properties);
    if (result !== undefined) return result;
    const { lease, metadata } = properties;
    if (lease.infinite) throw busy(blob, 'it has an infinite lease', parsePushRecord(metadata));
    if (performance.now() > deadline) throw busy(blob, ifHeld, parsePushRecord(metadata));
    if (looks === 0 && lease.state === 'leased')
      session.note(
        `${blob.uri} is leased: waiting up to ${LEASE_SECONDS} s, in case the lease is that of an interrupted push`,
      );
    await pause(POLL_MS, session.stop);
  }
}

/** Waits until a lease that is about to end has ended. Returns the properties of the blob then. */
export async function waitForBreak(session: Session, blob: PageBlob, found: BlobProperties): Promise<BlobProperties> {
  let properties = found;
  while (properties.lease.state === 'breaking') {
    await pause(POLL_MS, session.stop);
    properties = await requireStillThere(blob);
  }
  return properties;
}
