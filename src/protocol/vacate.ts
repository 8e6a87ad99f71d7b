import { abortCopy, waitForCopy } from '../azure/copy.js';
import { LEASE_SECONDS } from '../azure/lease.js';
import type { BlobProperties } from '../azure/blob-properties.js';
import type { Conditions } from '../azure/conditions.js';
import type { PageBlob } from '../azure/page-blob.js';
import { pause } from '../run/retry.js';
import type { Session } from '../session/session.js';
import { busy } from './busy.js';
import { present } from './present.js';
import { POLL_MS, letGoCrashed } from './hold-lease.js';

/**
 * Readies a blob that is going to be replaced: a copy to it that is pending is aborted; a lease that a crashed push left
 * is given back, or waited for where it was another machine's. Returns under which conditions it may be replaced.
 * Throws `destination-busy` where somebody is at work on it.
 */
export async function vacate(
  session: Session,
  blob: PageBlob,
  found: BlobProperties,
  stateFolder: string,
): Promise<Conditions> {
  const seen = found.copy?.status === 'pending' ? await withoutCopy(session, blob, found.copy.id) : found;
  if (isLocked(seen)) {
    await letGoCrashed(blob, seen, stateFolder);
    await untilUnlocked(session, blob, seen.etag);
  }
  return { ifMatch: seen.etag };
}

async function withoutCopy(session: Session, blob: PageBlob, id: string): Promise<BlobProperties> {
  session.note(`${blob.uri}: a copy to it is pending, and is aborted`);
  await abortCopy(blob, id);
  const properties = await waitForCopy(blob, () => undefined);
  if (properties.copy?.id !== id) throw busy(blob, 'it was replaced meanwhile', properties.metadata);
  return properties;
}

async function untilUnlocked(session: Session, blob: PageBlob, etag: string): Promise<void> {
  const deadline = performance.now() + (LEASE_SECONDS + 5) * 1000;
  for (let waited = false; ; waited = true) {
    const properties = await present(blob);
    if (properties.etag !== etag) throw busy(blob, 'another push is writing to it', properties.metadata);
    if (!isLocked(properties)) return;
    if (properties.lease.infinite) throw busy(blob, 'it is leased without end', properties.metadata);
    if (performance.now() > deadline) throw busy(blob, 'another push holds its lease', properties.metadata);
    if (!waited && properties.lease.state === 'leased')
      session.note(
        `${blob.uri} is leased: waiting up to ${LEASE_SECONDS} s, in case it is by a push that was interrupted`,
      );
    await pause(POLL_MS, session.stop);
  }
}

function isLocked({ lease: { state } }: BlobProperties): boolean {
  return state === 'leased' || state === 'breaking';
}
