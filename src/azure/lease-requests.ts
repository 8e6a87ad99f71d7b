import type { Conditions } from './conditions.js';
import type { PageBlob } from './page-blob.js';
import { hasStatus } from './service-error.js';

/** How long the release of a lease may take, in milliseconds. It is attempted once, also after a stop. */
export const RELEASE_TIMEOUT_MS = 10_000;

/** `refused`: the blob does not have a lease with this id; `unknown`: no answer came. */
export type ReleaseOutcome = 'ended' | 'refused' | 'unknown';

/**
 * Releases a lease; with `seconds` (at most 60) it ends after that time, and until then no other client can write. Also works after
 * a stop. Never throws, because a lease expires by itself.
 */
export async function releaseLeaseAfter(blob: PageBlob, id: string, seconds: number): Promise<ReleaseOutcome> {
  const client = blob.client.getBlobLeaseClient(id);
  const abortSignal = AbortSignal.timeout(RELEASE_TIMEOUT_MS);
  try {
    if (seconds > 0) {
      // A break period is never longer than the rest of the lease, so the lease is renewed first.
      await client.renewLease({ abortSignal });
      await client.breakLease(seconds, { abortSignal });
    } else {
      await client.releaseLease({ abortSignal });
    }
    return 'ended';
  } catch (error) {
    return isLeaseLost(error) ? 'refused' : 'unknown';
  }
}

/** Acquires an infinite lease. Throws `destination-busy` if there is a lease with another id. */
export async function acquireInfiniteLease(
  blob: PageBlob,
  id: string,
  conditions: Pick<Conditions, 'ifMatch'>,
): Promise<void> {
  await blob.run('lease it without end', (abortSignal) =>
    blob.client.getBlobLeaseClient(id).acquireLease(-1, { abortSignal, conditions }),
  );
}

/** Renews the lease with this id. Returns false if the blob does not have a lease with this id. */
export async function renewLease(blob: PageBlob, id: string): Promise<boolean> {
  return isAccepted(
    blob.run('renew its lease', (abortSignal) => blob.client.getBlobLeaseClient(id).renewLease({ abortSignal })),
  );
}

/** Changes the id of a lease from `id` to `next`. Returns false if the blob does not have a lease with the id `id`. */
export async function takeOverLease(blob: PageBlob, id: string, next: string): Promise<boolean> {
  return isAccepted(
    blob.run('take over its lease', (abortSignal) =>
      blob.client.getBlobLeaseClient(id).changeLease(next, { abortSignal }),
    ),
  );
}

/** Releases an infinite lease. Returns false if the blob does not have a lease with this id. */
export async function releaseInfiniteLease(blob: PageBlob, id: string): Promise<boolean> {
  return isAccepted(
    blob.run('release its lease', (abortSignal) => blob.client.getBlobLeaseClient(id).releaseLease({ abortSignal })),
  );
}

/** Ends the blob's lease at once, without its id. */
export async function breakLease(blob: PageBlob): Promise<void> {
  await blob.run('break its lease', (abortSignal) => blob.client.getBlobLeaseClient().breakLease(0, { abortSignal }));
}

/** Returns true for an answer that proves that the lease is lost: only 404, 409 or 412. Network errors do not. */
export function isLeaseLost(error: unknown): boolean {
  return hasStatus(error, 404, 409, 412);
}

/** Returns false if the service refuses a lease request with 409 or 412. Throws any other error. */
async function isAccepted(request: Promise<unknown>): Promise<boolean> {
  try {
    await request;
    return true;
  } catch (error) {
    if (hasStatus(error, 409, 412)) return false;
    throw error;
  }
}
