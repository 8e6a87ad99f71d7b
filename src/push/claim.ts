import { randomUUID } from 'node:crypto';
import type { Lease } from '../blob/lease.js';
import type { Disk } from '../disk/disk.js';
import type { Session } from '../session/session.js';
import { checkBase } from './base.js';
import { busy } from './busy.js';
import { inspectDestination, type Complete, type Found, type Wanted } from './destination.js';
import { hold, letGo } from './hold.js';
import type { LeaseSecret } from './lease-secret.js';
import { makeDestination } from './make-destination.js';
import type { Preparation } from './prepare.js';
import { isCheaperToCopyAgain } from './recheck.js';

/** How often the base is copied before somebody who keeps writing to the copy is named. */
const MAX_COPIES = 3;

/** What a claim needs besides the disk and the plan. */
export interface ClaimOptions {
  readonly secret: LeaseSecret;
  readonly stateFolder: string;
  readonly overwrite: boolean;
}

/** A destination that this run holds, as it was found under the lease. */
export interface Claimed {
  readonly kind: 'held';
  /** With the root of this run's lease. */
  readonly preparation: Preparation;
  readonly found: Found;
  readonly lease: Lease;
}

/**
 * Makes the destination, unless an earlier run did, and takes its lease. Only under the lease counts what the blob says.
 * A copy of the base is proved to be one, or made again; what an earlier run has written is proved by its lease, or still
 * has to be compared (`lease.isProved`). If the destination is complete before, no lease is taken. Throws `destination-busy` if somebody else holds or replaces the blob.
 */
export async function claim(session: Session, disk: Disk, prepared: Preparation, { secret, stateFolder, overwrite }: ClaimOptions): Promise<Claimed | Complete> {
  const { destination, base, stream, digests } = prepared;
  let { found } = prepared;
  for (let copies = 1; ; copies++) {
    const root = randomUUID();
    const preparation: Preparation = { ...prepared, found, identity: { ...prepared.identity, lease: secret.seal(root) } };
    const wanted: Wanted = { identity: preparation.identity, stream, digests, overwrite };
    const made = await makeDestination(session, preparation, wanted, stateFolder);
    if (made.kind === 'complete') return made;
    const { properties: seen, state: { lease: noted }, untouched } = made;
    const lease = await hold(session, destination, stateFolder, { root, noted: noted === undefined ? undefined : secret.open(noted), seen, untouched });
    try {
      // Another push may have ended between the look and the lease.
      const held = await inspectDestination(destination, { ...wanted, overwrite: false });
      const claimed: Claimed = { kind: 'held', preparation, found: held, lease };
      if (held.kind !== 'ours' || lease.isProved) return claimed;
      if (base && !prepared.isBaseChecked) await checkBase(digests, disk, base);
      if (held.properties.etag === untouched) {
        await lease.fence();
        return claimed;
      }
      if (!await isCheaperToCopyAgain(preparation, held.properties, lease.conditions)) return claimed;
      if (copies === MAX_COPIES) throw busy(destination, 'somebody else writes to it as soon as the base was copied', held.properties.metadata);
      session.note('others may have written to the blob meanwhile: the base is copied again');
      found = { kind: 'free', conditions: { ifMatch: held.properties.etag }, replaces: undefined };
    } catch (error) {
      await letGo(lease, destination, stateFolder);
      throw error;
    }
    await lease.release();
  }
}
