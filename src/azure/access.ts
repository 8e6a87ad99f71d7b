import { VhdupError } from '../errors.js';
import type { PageBlob } from './page-blob.js';
import { failureOf, hasStatus } from './service-error.js';

/** What a credential can see of a blob. */
export type Visible = 'blob' | 'container' | 'nothing';

/**
 * Returns what is there: the blob, the container without the blob, or neither. Throws `not-authorised` if the credential may not
 * read it.
 */
export async function visibleOf(blob: PageBlob): Promise<Visible> {
  try {
    await blob.run('read its properties', (abortSignal) => blob.client.getProperties({ abortSignal }));
    return 'blob';
  } catch (error) {
    if (!(error instanceof VhdupError) || !hasStatus(error, 404)) throw error;
    return failureOf(error.cause).code === 'ContainerNotFound' ? 'nothing' : 'container';
  }
}
