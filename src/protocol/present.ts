import { VhdupError } from '../errors.js';
import type { BlobProperties } from '../azure/blob-properties.js';
import type { PageBlob } from '../azure/page-blob.js';

/** Returns the properties of a blob that is being written to. Throws `transfer-failed` if it is gone. */
export async function present(blob: PageBlob): Promise<BlobProperties> {
  const properties = await blob.properties();
  if (!properties)
    throw new VhdupError('transfer-failed', `${blob.uri}: it was deleted while it was written to`, {
      hint: 'run the same command to start again',
    });
  return properties;
}
