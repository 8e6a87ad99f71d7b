import { createHash } from 'node:crypto';

/** The last step that a push gets to. */
export const MAX_STEP = 3;

/**
 * The id of a lease at one step of the push that holds it: each step is the hash of the one before, so the root, which is
 * recorded, names them all, and a crash between a change of the id and a note of it does no harm.
 *
 * Step 0 proves only that nobody writes from now on. From step 1 on the holder knows what the blob holds: it has compared
 * it, or found it as the service copied it, under this very lease.
 */
export interface LeaseId {
  /** A GUID. A secret: with it anybody may write. */
  readonly root: string;
  readonly step: number;
}

/** The id that the service knows. */
export function textOf({ root, step }: LeaseId): string {
  let id = root;
  for (let done = 0; done < step; done++) id = successorOf(id);
  return id;
}

function successorOf(id: string): string {
  return createHash('sha256').update(id).digest('hex').slice(0, 32).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
