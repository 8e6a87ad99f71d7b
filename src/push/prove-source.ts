import { VhdupError } from '../errors.js';
import type { BlobProperties } from '../azure/blob-properties.js';
import type { Conditions } from '../azure/conditions.js';
import { gapsOf } from '../plan/push-plan.js';
import type { RangeSet } from '../bytes/range.js';
import type { Digests } from '../content/digest-pass.js';
import { DiskDigests } from '../content/disk-digests.js';
import type { Session } from '../session/session.js';
import { checkBase, isMismatch } from './base.js';
import type { Identity } from './destination.js';
import type { PushOptions } from './options.js';
import { identityOf, planOf, type Preparation } from './prepare.js';
import { verifyPushed, type VerifyScope } from './verify-pushed.js';

/** What the metadata of a finished push has about its disk. Both come from one state of the files. */
export interface Proved {
  readonly identity: Identity;
  readonly digests: Digests;
}

/** The lease's conditions for all requests, the gaps that were or may have been sent, and the options of the push. */
export interface Proof {
  readonly conditions: Conditions;
  readonly gaps: RangeSet;
  readonly options: PushOptions;
}

/**
 * Makes sure that what was written, what was copied and `digests` come from one state of the files. If no file was touched since
 * the push began, they do. Otherwise proves all of it anew, up to three times. Throws `source-changed`; with `verify` also
 * `content-differs`.
 */
export async function proveSource(
  session: Session,
  preparation: Preparation,
  digests: Digests,
  proof: Proof,
): Promise<Proved> {
  const { guard, identity } = preparation;
  const {
    conditions,
    gaps,
    options: { verify },
  } = proof;
  if (await guard.isUntouched()) {
    if (verify === undefined) return { identity, digests };
    await verifyUntorn(preparation, () =>
      verifyPushed(session, guard.disk, preparation, { scope: verify, gaps, conditions, mends: true }),
    );
    if (await guard.isUntouched()) return { identity, digests };
  }
  return guard.repeatUntilUntouched(() => proveAnew(session, preparation, digests, proof));
}

/** Compares a complete blob with the disk; again, if a file was touched meanwhile. Throws `content-differs` or `source-changed`. */
export async function verifyComplete(
  session: Session,
  preparation: Preparation,
  scope: VerifyScope,
  { etag }: BlobProperties,
): Promise<void> {
  const { guard, plan } = preparation;
  const verification = { scope, gaps: gapsOf(plan), conditions: { ifMatch: etag }, mends: false };
  await guard.repeatUntilUntouched(() =>
    verifyUntorn(preparation, () => verifyPushed(session, guard.disk, preparation, verification)),
  );
}

/**
 * Proves that the blob, but for its footer, is the disk in the state that the guard has taken, and computes the digests
 * of that state.
 *
 * - The plan is made again, and is the same. So outside of it the disk is what the ancestor is (zeros without a base).
 * - There the blob is what the base is: it was copied under its ETag, or made empty, and only gaps were written to it, which
 *   are compared with the disk.
 *   The base is what the ancestor is, also in this state: its content is compared with the ancestor's once more. If only
 *   the id of the base is checked (`baseCheck`), this is taken for granted, as before.
 * - Within the plan the blob is compared with the disk, byte for byte.
 * - No digest of an earlier state is used: neither one that is remembered nor one of this run.
 *
 * All this holds for one state only if the guard finds the files untouched afterwards.
 */
async function proveAnew(
  session: Session,
  preparation: Preparation,
  { md5 }: Digests,
  { conditions, gaps, options }: Proof,
): Promise<Proved> {
  const { guard, base, stream, identity: before } = preparation;
  const { disk } = guard;
  const identity = identityOf(guard, base, await planOf(disk, base, options.gap));
  if (identity.fingerprint !== before.fingerprint) throw guard.changed('its sector bitmaps are others');
  const digests = new DiskDigests(session, disk, undefined);
  if (base) {
    await checkBase(digests, disk, base).catch((error: unknown) => {
      throw isMismatch(error) ? guard.changed('the base is no longer what the ancestor is', error) : error;
    });
  }
  await verifyPushed(session, disk, preparation, {
    scope: options.verify ?? 'sent',
    gaps,
    conditions,
    mends: true,
  }).catch((error: unknown) => {
    throw isDifference(error) ? guard.changed('it is not what was sent', error) : error;
  });
  return { identity, digests: await digests.of(0, { md5: md5 && stream, tree: true }, 'digest') };
}

/** Calls `verify`. If it finds a difference and a file was touched meanwhile, throws `source-changed`: the destination may be right. */
async function verifyUntorn({ guard }: Preparation, verify: () => Promise<void>): Promise<void> {
  try {
    await verify();
  } catch (error) {
    if (!isDifference(error) || (await guard.isUntouched())) throw error;
    throw guard.changed('it was touched while it was compared with the destination, and differs', error);
  }
}

function isDifference(error: unknown): boolean {
  return error instanceof VhdupError && error.code === 'content-differs';
}
