import { hasCode } from '../errors.js';
import type { RangeSet } from '../bytes/range.js';
import type { Digests } from '../content/digest-computation.js';
import { DiskDigests } from '../content/disk-digests.js';
import type { DestinationSnapshot, DestinationWriter } from '../destination/destination.js';
import { gapsOf } from '../plan/push-plan.js';
import type { PushIdentity } from '../protocol/push-record.js';
import { isMismatch } from './base-blob.js';
import { checkBase } from './check-base.js';
import type { PreparedPush } from './context.js';
import type { VerifyScope } from './options.js';
import { planAndIdentify } from './plan-and-identity.js';
import { verifyPushed } from './verify-pushed.js';

/** What the push record of a finished push says about its disk; all of it from one state of the files. */
export interface ProvedSource {
  readonly identity: PushIdentity;
  readonly digests: Digests;
}

/** What this run has computed and sent. */
export interface Transferred {
  readonly digests: Digests;
  /** The gaps that were sent, or may have been. */
  readonly gaps: RangeSet;
}

/**
 * Makes sure that what was written, what was copied and the digests come from one state of the files. If no file was touched since
 * the push began, they do. Otherwise proves all of it anew, up to three times. Throws `source-changed`; with `verify` also
 * `content-differs`.
 */
export async function proveSource(
  push: PreparedPush,
  writer: DestinationWriter,
  transferred: Transferred,
): Promise<ProvedSource> {
  const {
    guard,
    identity,
    options: { verify },
  } = push;
  const { digests, gaps } = transferred;
  if (await guard.isUntouched()) {
    if (verify === undefined) return { identity, digests };
    await verifyUntorn(push, () => verifyPushed(push, { scope: verify, gaps, content: writer, repairBy: writer }));
    if (await guard.isUntouched()) return { identity, digests };
  }
  return guard.repeatUntilUntouched(() => proveAnew(push, writer, transferred));
}

/** Compares a complete destination with the disk; again, if a file was touched meanwhile. Throws `content-differs` or `source-changed`. */
export async function verifyComplete(push: PreparedPush, seen: DestinationSnapshot, scope: VerifyScope): Promise<void> {
  const { guard, plan, destination } = push;
  const verification = { scope, gaps: gapsOf(plan), content: destination.contentOf(seen), repairBy: undefined };
  await guard.repeatUntilUntouched(() => verifyUntorn(push, () => verifyPushed(push, verification)));
}

/**
 * Proves that the destination, apart from its footer, is the disk in the state that the guard has taken, and computes the digests
 * of that state.
 *
 * - The plan is made again, and is the same. So outside of it the disk is what the ancestor is (zeros without a base).
 * - There the destination is what the base is: it was copied under its ETag, or made empty, and only gaps were written to it,
 *   which are compared with the disk.
 *   The base is what the ancestor is, also in this state: its content is compared with the ancestor's once more. If only
 *   the id of the base is checked (`baseCheck`), this is assumed, as before.
 * - Within the plan the destination is compared with the disk, byte for byte.
 * - No digest of an earlier state is used: neither one that is remembered nor one of this run.
 *
 * All this holds for one state only if the guard finds the files untouched afterwards.
 */
async function proveAnew(
  push: PreparedPush,
  writer: DestinationWriter,
  { digests: { md5 }, gaps }: Transferred,
): Promise<ProvedSource> {
  const { session, disk, guard, base, stream, options } = push;
  const digests = new DiskDigests(session, disk, undefined);
  const { identity: anew } = await planAndIdentify(push, base, digests);
  if (anew.fingerprint !== push.identity.fingerprint)
    throw guard.changed('what it changes of the base is not the same');
  if (base) {
    await checkBase(digests, disk, base).catch((error: unknown) => {
      throw isMismatch(error) ? guard.changed('the base no longer equals the ancestor', error) : error;
    });
  }
  const verification = { scope: options.verify ?? 'sent', gaps, content: writer, repairBy: writer };
  await verifyPushed(push, verification).catch((error: unknown) => {
    throw hasCode(error, 'content-differs') ? guard.changed('it differs from what was sent', error) : error;
  });
  const identity = { ...push.identity, times: anew.times };
  return { identity, digests: await digests.of(0, { md5: md5 && stream, tree: true }, 'digest') };
}

/** Calls `verify`. If it finds a difference and a file was touched meanwhile, throws `source-changed`: the destination may be right. */
async function verifyUntorn({ guard }: PreparedPush, verify: () => Promise<void>): Promise<void> {
  try {
    await verify();
  } catch (error) {
    if (!hasCode(error, 'content-differs') || (await guard.isUntouched())) throw error;
    throw guard.changed('it was touched while it was compared with the destination, and differs', error);
  }
}
