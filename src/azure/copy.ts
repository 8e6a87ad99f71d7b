import { VhdupError } from '../errors.js';
import { pause } from '../run/stop.js';
import type { BlobProperties, Metadata } from './blob-properties.js';
import type { Conditions } from './conditions.js';
import type { PageBlob } from './page-blob.js';
import { hasStatus } from './service-error.js';

/** The source of a copy, in the state in which it was checked. */
export interface CopySource {
  /** For messages, without a SAS. */
  readonly uri: string;
  /** For the service, with the SAS if reading needs one. A secret. */
  readonly authorizedUrl: string;
  readonly etag: string;
}

/**
 * Starts a copy within the service to `destination`, if the source still has its ETag and the conditions hold for the destination.
 * `metadata` replaces that of the source.
 */
export async function startCopy(
  destination: PageBlob,
  { uri, authorizedUrl, etag }: CopySource,
  metadata: Metadata,
  conditions: Conditions,
): Promise<void> {
  await destination.run(`copy ${uri} to it`, async (abortSignal) => {
    await destination.client.beginCopyFromURL(authorizedUrl, {
      abortSignal,
      metadata: { ...metadata },
      conditions,
      sourceConditions: { ifMatch: etag },
    });
  });
}

/** Aborts a pending copy to the blob. Does nothing if the copy has ended meanwhile. */
export async function abortCopy(destination: PageBlob, id: string): Promise<void> {
  try {
    await destination.run('abort the copy to it', (abortSignal) =>
      destination.client.abortCopyFromURL(id, { abortSignal }),
    );
  } catch (error) {
    if (!(error instanceof VhdupError) || !hasStatus(error, 409)) throw error;
  }
}

const FIRST_POLL_MS = 200;
const MAX_POLL_MS = 5_000;
/** How long a stop on request may wait for the abort of the copy, in milliseconds. */
const ABORT_TIMEOUT_MS = 10_000;

/**
 * Waits until no copy to the blob is pending. Returns its properties, whether the copy succeeded or not. Calls `progress` with bytes
 * done and in all. Aborts the copy if it is stopped, so that no copy goes on without a process that waits for it. Throws
 * `transfer-failed` if the blob is deleted meanwhile.
 */
export async function waitForCopy(
  destination: PageBlob,
  progress: (done: number, total: number) => void,
): Promise<BlobProperties> {
  for (let wait = FIRST_POLL_MS; ; wait = Math.min(MAX_POLL_MS, wait * 1.5)) {
    const properties = await destination.properties();
    if (!properties)
      throw new VhdupError('transfer-failed', `${destination.uri}: it was deleted while it was copied`, {
        hint: 'run the same command to start again',
      });
    const { copy } = properties;
    const [done = 0, total = 0] = copy?.progress?.split('/').map(Number) ?? [];
    progress(done, total);
    if (copy?.status !== 'pending') return properties;
    try {
      await pause(wait, destination.retrier.stop);
    } catch (error) {
      await destination.client
        .abortCopyFromURL(copy.id, { abortSignal: AbortSignal.timeout(ABORT_TIMEOUT_MS) })
        .catch(() => undefined);
      throw error;
    }
  }
}
