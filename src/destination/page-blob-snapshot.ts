import type { BlobProperties } from '../azure/blob-properties.js';
import { judgeBlob } from '../protocol/verdict.js';
import type { DestinationSnapshot } from './destination.js';

/** A page blob as it was seen at one moment. */
export interface PageBlobSnapshot extends DestinationSnapshot {
  readonly properties: BlobProperties;
}

/** Returns a page blob's properties in the form that a push reads. */
export function snapshotOf(properties: BlobProperties): PageBlobSnapshot {
  const { size, etag, contentMd5 } = properties;
  return { size, etag, contentMd5, verdict: judgeBlob(properties), copy: copyOf(properties), properties };
}

function copyOf({ copy }: BlobProperties): DestinationSnapshot['copy'] {
  switch (copy?.status) {
    case 'pending':
      return 'pending';
    case 'failed':
    case 'aborted':
      return 'failed';
    case undefined:
      return 'none';
    default:
      return 'success';
  }
}
