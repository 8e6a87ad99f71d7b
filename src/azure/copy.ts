import { VhdupError } from '../errors.js';
import type { BlobProperties, Conditions, PageBlob, Metadata } from './page-blob.js';
import { pause } from '../run/stop.js';
import { failureOf } from './service-error.js';

/** What to copy: the source as it was checked. */
export interface CopySource {
  /** For messages: without a SAS. */
  readonly uri: string;
  /** For the service: with what it needs to read it. */
  readonly secretUrl: string;
  readonly etag: string;
}

/** Has the service begin a copy of `source` to `destination`, if the source is still what it was; `metadata` replaces the source's. */
export async function startCopy(
  destination: PageBlob,
  { uri, secretUrl, etag }: CopySource,
  metadata: Metadata,
  conditions: Conditions,
): Promise<void> {
  await destination.run(`copy ${uri} to it`, async (abortSignal) => {
    await destination.client.beginCopyFromURL(secretUrl, {
      abortSignal,
      metadata: { ...metadata },
      conditions,
      sourceConditions: { ifMatch: etag },
    });
  });
}

/** Aborts a pending copy to the blob; that it has ended by itself meanwhile is fine. */
export async function abortCopy(destination: PageBlob, id: string): Promise<void> {
  try {
    await destination.run('abort the copy to it', (abortSignal) =>
      destination.client.abortCopyFromURL(id, { abortSignal }),
    );
  } catch (error) {
    if (!(error instanceof VhdupError) || failureOf(error.cause).status !== 409) throw error;
  }
}

const FIRST_POLL_MS = 200;
const MAX_POLL_MS = 5_000;
/** Who presses Ctrl-C does not wait for a silent server. */
const ABORT_MS = 10_000;

/**
 * Waits until no copy to the blob is pending; returns its properties then, whatever became of the copy.
 * A stop on request aborts the copy, so that nothing half copied is left at work.
 */
export async function settleCopy(
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
        .abortCopyFromURL(copy.id, { abortSignal: AbortSignal.timeout(ABORT_MS) })
        .catch(() => undefined);
      throw error;
    }
  }
}
