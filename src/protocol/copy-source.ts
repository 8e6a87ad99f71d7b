import { VhdupError } from '../errors.js';
import type { CopySource } from '../azure/copy.js';
import type { BlobProperties } from '../azure/blob-properties.js';
import type { PageBlob } from '../azure/page-blob.js';
import type { Session } from '../session/session.js';

/** The key that marks snapshots made for a copy; its value is the push's fingerprint. */
const TEMPORARY = 'vhdup_temporary';

/** A blob to copy from, as it was checked. */
export interface CopiedBlob {
  readonly blob: PageBlob;
  readonly properties: BlobProperties;
}

/**
 * What to copy from. Azurite lets a copy share its pages with its source, and writing to the one changes the other;
 * so there the copy is made from a snapshot that is deleted before the first write.
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
  // A snapshot has the ETag of its blob. Within an account Azurite asks for no SAS, and would refuse a container's for a snapshot.
  const isOneAccount = blob.location.endpoint === destination.location.endpoint;
  return { uri: snapshot.uri, authorizedUrl: isOneAccount ? snapshot.uri : snapshot.authorizedUrl, etag };
}

/** Deletes what `copySource` made, also in an earlier run. Before this nothing may be written to the copy. */
export async function dropCopySource(
  session: Session,
  { blob, properties }: CopiedBlob,
  fingerprint: string,
): Promise<void> {
  if (!properties.emulator) return;
  try {
    await session.containerOf(blob).deleteSnapshots(blob, TEMPORARY, fingerprint);
  } catch (error) {
    // Azurite lets no container SAS delete a snapshot. Left there it does no harm: the base has a list of pages of its own.
    if (!(error instanceof VhdupError) || error.code !== 'not-authorised') throw error;
    session.warn(
      `the temporary snapshot of ${blob.uri} could not be deleted with this SAS: delete it with the account's key`,
    );
  }
}
