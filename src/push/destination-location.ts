import { basename } from 'node:path';
import { VhdupError } from '../errors.js';
import { parseBlobUri, withSasOf, type BlobLocation } from '../azure/location.js';
import { isImageBase } from '../protocol/image-name.js';
import { option } from '../option-names.js';

/**
 * Returns the location of the destination: `to`, or the base's container with the file's name. A SAS of the base for its container
 * is used too. Throws `usage` if neither names it, or if it cannot be written to.
 */
export function destinationOf(path: string, to: string | undefined, base: string | undefined): BlobLocation {
  const fileName = basename(path);
  const baseLocation = base === undefined || base === 'auto' || isImageBase(base) ? undefined : parseBlobUri(base);
  if (to === undefined) {
    if (!baseLocation)
      throw new VhdupError(
        'usage',
        base === undefined
          ? `no destination is given: name it with ${option('to')}, or a base with ${option('base')}`
          : `${option('base', base)} looks in the destination's container: name it with ${option('to')}`,
      );
    return withSasOf(
      { ...baseLocation, name: fileName, snapshot: undefined, versionId: undefined, sas: undefined },
      baseLocation,
    );
  }
  const [address = '', query] = to.split('?', 2);
  const location = parseBlobUri(
    address.endsWith('/') ? `${address}${encodeURIComponent(fileName)}${query === undefined ? '' : `?${query}`}` : to,
  );
  if (location.snapshot !== undefined || location.versionId !== undefined)
    throw new VhdupError('usage', 'a snapshot or a version cannot be written to');
  return withSasOf(location, baseLocation);
}
