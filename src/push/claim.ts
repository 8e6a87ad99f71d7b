import { randomUUID } from 'node:crypto';
import type { Lease } from '../azure/lease.js';
import type { Disk } from '../disk/disk.js';
import type { Session } from '../session/session.js';
import { checkBase } from './base.js';
import { busy } from '../protocol/busy.js';
import { inspectDestination, type Complete, type Found, type Wanted } from './destination.js';
import { acquireLease } from '../protocol/acquire-lease.js';
import { releaseLease } from '../protocol/release-lease.js';
import type { LeaseSecret } from '../protocol/lease-secret.js';
import { makeDestination } from './make-destination.js';
import type { Preparation } from './prepare.js';
import { isCheaperToCopyAgain } from './recheck.js';

/** How often a destination that cannot be proved is made before the push ends with `destination-busy`. */
const MAX_COPIES = 3;

/** What a claim needs besides the disk and the plan. */
export interface ClaimOptions {
  readonly secret: LeaseSecret;
  readonly stateFolder: string;
  readonly overwrite: boolean;
}

/** A destination whose lease this run holds, as it was found under the lease. */
export interface Claimed {
  readonly kind: 'held';
  /** Its identity has the root of this run's lease. */
  readonly preparation: Preparation;
  readonly found: Found;
  readonly lease: Lease;
}

/**
 * Makes the destination, unless an earlier run did, takes its lease, and looks at it again: only what is seen under the lease
 * counts. A copy of the base that is not proved to be one is made again. What an earlier run has written is proved if
 * `lease.isProved`; otherwise the caller has to compare it. If the destination is complete already, takes no lease.
 * Throws `destination-busy` if another process holds or replaces the blob.
 */
export async function claim(
  session: Session,
  disk: Disk,
  prepared: Preparation,
  { secret, stateFolder, overwrite }: ClaimOptions,
): Promise<Claimed | Complete> {
  const { destination, base, stream, digests } = prepared;
  let { found } = prepared;
  for (let copies = 1; ; copies++) {
    const root = randomUUID();
    const preparation: Preparation = {
      ...prepared,
      found,
      identity: { ...prepared.identity, lease: secret.seal(root) },
    };
    const wanted: Wanted = { identity: preparation.identity, stream, digests, overwrite };
    const made = await makeDestination(session, preparation, wanted, stateFolder);
    if (made.kind === 'complete') return made;
    const {
      properties: seen,
      state: { lease: noted },
      untouched,
    } = made;
    const lease = await acquireLease(
      { session, blob: destination, stateFolder },
      {
        root,
        recordedRoot: noted === undefined ? undefined : secret.open(noted),
        seen,
        untouched,
      },
    );
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
      if (!(await isCheaperToCopyAgain(preparation, held.properties, lease.conditions))) return claimed;
      if (copies === MAX_COPIES)
        throw busy(destination, 'somebody else writes to it as soon as the base was copied', held.properties.metadata);
      session.note('others may have written to the blob meanwhile: the base is copied again');
      found = { kind: 'free', conditions: { ifMatch: held.properties.etag }, replaces: undefined };
    } catch (error) {
      await releaseLease({ session, blob: destination, stateFolder }, lease);
      throw error;
    }
    await lease.release();
  }
}
