import { basename } from 'node:path';
import { parseBlobUri, type BlobLocation } from '../azure/location.js';

/** Returns a short name of a blob for people: `account/container/name`. Throws `usage` if the text is not the URI of a blob. */
export function blobTitle(blob: string | BlobLocation): string {
  const { endpoint, account, container, name } = typeof blob === 'string' ? parseBlobUri(blob) : blob;
  return `${account ?? new URL(endpoint).host}/${container}/${name}`;
}

/** Returns the short name of a local file for people. */
export function fileTitle(path: string): string {
  return basename(path) || path;
}
