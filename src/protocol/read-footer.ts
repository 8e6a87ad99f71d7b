import type { PageBlob } from '../azure/page-blob.js';
import type { BlobProperties } from '../azure/blob-properties.js';
import { FOOTER_LENGTH } from './fixed-vhd.js';

/** Reads the last 512 bytes of a blob as it was seen. The service refuses (412) if it was changed since. */
export function readFooter(blob: PageBlob, { size, etag }: Pick<BlobProperties, 'size' | 'etag'>): Promise<Buffer> {
  return blob.read({ offset: size - FOOTER_LENGTH, length: FOOTER_LENGTH }, { ifMatch: etag });
}
