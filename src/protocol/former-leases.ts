import { MAX_STEP, type LeaseId } from '../azure/lease-id.js';
import type { LeaseRecord } from '../state/lease-record.js';
import { judgeOwner } from '../state/owner.js';

/** Roots kept in a record: one more for each crash in a row while a lease is taken over. */
const MAX_ROOTS = 12;

/** Returns the roots that a lease may have, from the record of a process that is gone, or that ended its work. */
export function formerRoots(record: LeaseRecord | undefined): string[] {
  return record && (record.hasEnded === true || judgeOwner(record.owner) === 'gone')
    ? [record.leaseId, ...(record.formerIds ?? [])].slice(0, MAX_ROOTS)
    : [];
}

/** Returns the ids that a lease with this root may have, the likeliest first. */
export function possibleIds(root: string): LeaseId[] {
  return Array.from({ length: MAX_STEP + 1 }, (_, index) => ({ root, step: MAX_STEP - index }));
}
