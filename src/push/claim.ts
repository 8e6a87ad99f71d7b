import { randomUUID } from 'node:crypto';
import type { DestinationWriter } from '../destination/destination.js';
import { busy } from '../protocol/busy.js';
import type { LeaseSecret } from '../protocol/lease-secret.js';
import { checkBase } from './check-base.js';
import type { PreparedPush } from './context.js';
import type { Complete, DestinationState } from './destination-state.js';
import { claimVersion, withRecordedImage } from './image-version.js';
import { inspectDestination } from './inspect-destination.js';
import { makeDestination } from './make-destination.js';
import { isCheaperToCopyAgain } from './recheck.js';

/** How often a destination that cannot be proved is made before the push ends with `destination-busy`. */
const MAX_COPIES = 3;

/** A destination that this run alone may write to. */
export interface ClaimedDestination {
  readonly kind: 'claimed';
  /** The push, with the destination as it was found under the lease. Its identity has the root of this run's lease. */
  readonly push: PreparedPush;
  readonly writer: DestinationWriter;
}

/**
 * Makes the destination, unless an earlier run did, takes its lease, and looks at it again: only what is seen under the lease
 * counts. A copy of the base that is not proved to be one is made again. What an earlier run has written is proved if
 * `writer.isProved`; otherwise the caller has to compare it. If the destination is complete already, takes no lease.
 * Throws `destination-busy` if another process holds or replaces the blob.
 */
export async function claim(prepared: PreparedPush, secret: LeaseSecret): Promise<ClaimedDestination | Complete> {
  const { session, disk, destination, base, digests } = prepared;
  let found: DestinationState = prepared.found;
  let named = prepared;
  for (let copies = 1; ; copies++) {
    const root = randomUUID();
    named = await claimVersion({ ...named, found });
    const push: PreparedPush = { ...named, identity: { ...named.identity, lease: secret.seal(root) } };
    const made = await makeDestination(push);
    if (made.kind === 'complete') return made;
    const { untouched, record } = made;
    const recordedRoot = record.lease === undefined ? undefined : secret.open(record.lease);
    const writer = await destination.open(made.seen, { root, recordedRoot, untouched });
    try {
      // Another push may have ended between the look and the lease.
      const held = await inspectDestination(push, false);
      named = withRecordedImage({ ...push, found: held });
      const claimed: ClaimedDestination = { kind: 'claimed', push: named, writer };
      if (held.kind !== 'resumable' || writer.isProved) return claimed;
      if (base && !prepared.isBaseChecked) await checkBase(digests, disk, base);
      if (held.seen.etag === untouched) {
        await writer.fence();
        return claimed;
      }
      if (!(await isCheaperToCopyAgain(push, writer, held.record))) return claimed;
      if (copies === MAX_COPIES)
        throw busy(destination, 'another client writes to it as soon as the base is copied', held.record);
      session.note('others may have written to the blob meanwhile: the base is copied again');
      found = { kind: 'replaceable', ifMatch: held.seen.etag, replaces: undefined };
    } catch (error) {
      await writer[Symbol.asyncDispose]();
      throw error;
    }
    await writer.giveUp();
  }
}
