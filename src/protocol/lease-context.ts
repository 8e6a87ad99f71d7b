import type { PageBlob } from '../azure/page-blob.js';
import type { BlobProperties } from '../azure/blob-properties.js';
import type { Session } from '../session/session.js';

/** What all work on a blob's lease needs. */
export interface LeaseContext {
  readonly session: Session;
  readonly blob: PageBlob;
  /** Folder of this machine's records. */
  readonly stateFolder: string;
}

/** Returns true if the blob is leased, or its lease is about to end: no other client can write to it. */
export function isLeased({ lease: { state } }: BlobProperties): boolean {
  return state === 'leased' || state === 'breaking';
}
