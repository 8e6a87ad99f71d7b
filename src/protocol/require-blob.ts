import { VhdupError, type ErrorCode } from '../errors.js';
import type { PageBlob } from '../azure/page-blob.js';
import type { BlobProperties } from '../azure/blob-properties.js';

const CHECK_NAME = 'check the name, and that the credential may read it';

/** Returns the properties of a blob to change. Throws `destination-missing`, with `hint`, if there is no such blob. */
export function requireBlob(blob: PageBlob, hint = CHECK_NAME): Promise<BlobProperties> {
  return propertiesOf(blob, 'destination-missing', hint);
}

/** Returns the properties of a blob to read. Throws `disk-unreadable` if there is no such blob. */
export function requireSource(blob: PageBlob): Promise<BlobProperties> {
  return propertiesOf(blob, 'disk-unreadable', CHECK_NAME);
}

async function propertiesOf(blob: PageBlob, code: ErrorCode, hint: string): Promise<BlobProperties> {
  const properties = await blob.properties();
  if (!properties) throw new VhdupError(code, `${blob.uri}: there is no such blob`, { hint });
  return properties;
}

/** Returns the properties of a blob that is being written to. Throws `transfer-failed` if it is gone. */
export async function requireStillThere(blob: PageBlob): Promise<BlobProperties> {
  const properties = await blob.properties();
  if (!properties)
    throw new VhdupError('transfer-failed', `${blob.uri}: it was deleted while it was written to`, {
      hint: 'run the same command to start again',
    });
  return properties;
}
