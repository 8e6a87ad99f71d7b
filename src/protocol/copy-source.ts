import { VhdupError } from '../errors.js';
import type { CopySource } from '../azure/copy.js';
import type { BlobProperties } from '../azure/blob-properties.js';
import type { PageBlob } from '../azure/page-blob.js';
import type { Session } from '../session/session.js';

/** The metadata key that marks snapshots made for a copy. Its value is the push's fingerprint. */
const TEMPORARY = 'vhdup_temporary';

/** A blob to copy from, as it was checked. */
export interface CopiedBlob {
  readonly blob: PageBlob;
  readonly properties: BlobProperties;
}

/**
 * Returns what the service has to copy from. On Azurite a copy shares its pages with its source, and a write to one of them
 * changes the other; so there it is a snapshot, to be deleted before the first write. Throws `base-mismatch` for a snapshot
 * on Azurite.
 */
export async function copySource(
  { blob, properties: { emulator, etag } }: CopiedBlob,
  destination: PageBlob,
  fingerprint: string,
): Promise<CopySource> {
  if (!emulator) return { uri: blob.uri, authorizedUrl: blob.authorizedUrl, etag };
  if (blob.location.snapshot !== undefined) {
    throw new VhdupError('base-mismatch', `the base ${blob.uri}: an emulator would let the copy change this snapshot`, {
      hint: 'name the blob itself as the base, or use the real service',
    });
  }
  const snapshot = blob.atSnapshot(await blob.snapshot({ [TEMPORARY]: fingerprint }, { ifMatch: etag }));
  // A snapshot has the ETag of its blob. Within one account Azurite needs no SAS, and refuses a container's for a snapshot.
  const isOneAccount = blob.location.endpoint === destination.location.endpoint;
  return { uri: snapshot.uri, authorizedUrl: isOneAccount ? snapshot.uri : snapshot.authorizedUrl, etag };
}

/** Deletes the snapshot that `copySource` made, in this run or an earlier one. Nothing may be written to the copy before. */
export async function dropCopySource(
  session: Session,
  { blob, properties }: CopiedBlob,
  fingerprint: string,
): Promise<void> {
  if (!properties.emulator) return;
  try {
    await session.containerOf(blob).deleteSnapshots(blob, TEMPORARY, fingerprint);
  } catch (error) {
    // On Azurite no container SAS may delete a snapshot. It does no harm if it stays: the base has its own list of pages.
    if (!(error instanceof VhdupError) || error.code !== 'not-authorised') throw error;
    session.warn({
      code: 'snapshot-not-deleted',
      message: `the temporary snapshot of ${blob.uri} cannot be deleted with this SAS`,
      hint: "delete it with the account's key",
    });
  }
}
