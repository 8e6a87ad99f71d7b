import { createHash } from 'node:crypto';
import { uuidText } from '../bytes/uuid-text.js';

/** The last step that a push reaches. */
export const MAX_STEP = 3;

/**
 * The id of a lease at one step of the push that holds it. The root is recorded. Each step's id is the hash of the one
 * before. So all ids follow from the root, and a crash between a change of the id and its record does no harm.
 *
 * Step 0 proves only that nothing else is written from now on. From step 1 on, the content of the blob is proved: it was compared
 * under this lease, or found as the service had copied it.
 */
export interface LeaseId {
  /** A GUID. A secret: it allows writing to the blob. */
  readonly root: string;
  readonly step: number;
}

/** Returns the id that the service has: a GUID. */
export function leaseGuid({ root, step }: LeaseId): string {
  let id = root;
  for (let done = 0; done < step; done++) id = successorOf(id);
  return id;
}

function successorOf(id: string): string {
  return uuidText(createHash('sha256').update(id).digest('hex').slice(0, 32));
}
