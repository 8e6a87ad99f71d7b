import { abortCopy, waitForCopy } from '../azure/copy.js';
import type { BlobProperties } from '../azure/blob-properties.js';
import { busy } from './busy.js';
import { parsePushRecord } from './push-record.js';
import { isLeased, type LeaseContext } from './lease-context.js';
import { releaseStaleLease } from './release-lease.js';
import { waitForLease } from './wait-for-lease.js';

/**
 * Makes a blob ready to be replaced. Aborts a pending copy to it. Releases the lease that a crashed push of this machine has
 * left, or waits until one of another machine has run out. Returns the ETag under which the blob may be replaced. Throws
 * `destination-busy` if another process works on it.
 */
export async function prepareReplacement(context: LeaseContext, found: BlobProperties): Promise<string> {
  const seen = found.copy?.status === 'pending' ? await endCopy(context, found.copy.id) : found;
  if (isLeased(seen)) {
    await releaseStaleLease(context, seen);
    await waitUntilReleased(context, seen.etag);
  }
  return seen.etag;
}

async function endCopy({ session, blob }: LeaseContext, id: string): Promise<BlobProperties> {
  session.note(`${blob.uri}: a copy to it is pending, and is aborted`);
  await abortCopy(blob, id);
  const properties = await waitForCopy(blob, () => undefined);
  if (properties.copy?.id !== id) throw busy(blob, 'it was replaced meanwhile', parsePushRecord(properties.metadata));
  return properties;
}

async function waitUntilReleased(context: LeaseContext, etag: string): Promise<void> {
  await waitForLease(context, { ifHeld: 'another push holds its lease' }, (properties) => {
    if (properties.etag !== etag)
      throw busy(context.blob, 'another push is writing to it', parsePushRecord(properties.metadata));
    return isLeased(properties) ? undefined : properties;
  });
}
