import { VhdupError } from '../errors.js';
import { waitForCopy, startCopy } from '../azure/copy.js';
import { copySource } from '../protocol/copy-source.js';
import { withState } from '../protocol/push-record.js';
import type { BlobProperties } from '../azure/blob-properties.js';
import type { PageBlob } from '../azure/page-blob.js';
import { failureOf } from '../azure/service-error.js';
import type { Base } from './base.js';
import { busy } from '../protocol/busy.js';
import { inspectDestination, type Complete, type Found, type Ours, type Wanted } from './destination.js';
import type { Preparation } from './prepare.js';
import type { Session } from '../session/session.js';
import { vacate } from '../protocol/vacate.js';

/** A destination that is there. */
export type Made =
  | (Ours & {
      /** Its ETag if it is sure that nothing was written to it since the service made it. A lease taken under this ETag is proved. */
      readonly untouched?: string | undefined;
    })
  | Complete;

/**
 * Makes the destination, unless it is there from an earlier run: a copy of the base that says `clearing`, or an empty
 * blob that says `writing`, since nothing has to be cleared in it.
 */
export async function makeDestination(
  session: Session,
  { destination, base, plan, identity, found }: Preparation,
  wanted: Wanted,
  stateFolder: string,
): Promise<Made> {
  if (found.kind !== 'free') return base ? awaitCopied(session, destination, base, found) : found;
  const conditions = found.replaces
    ? await vacate(session, destination, found.replaces, stateFolder)
    : found.conditions;
  const state = withState({}, { ...identity, state: base ? 'clearing' : 'writing' });
  let etag: string | undefined;
  try {
    if (base)
      await startCopy(destination, await copySource(base, destination, identity.fingerprint), state, conditions);
    else etag = await destination.create(plan.size, state, conditions);
  } catch (error) {
    const again = await afterRefusal(destination, base, wanted, error);
    if (again && again.kind !== 'free') return base ? awaitCopied(session, destination, base, again) : again;
    throw error;
  }
  const copied = base && (await awaitCopy(session, destination, base));
  const made = await inspectDestination(destination, { ...wanted, overwrite: false });
  if (made.kind === 'free')
    throw new VhdupError('destination-busy', `${destination.uri}: it was deleted or replaced as soon as it was made`);
  return made.kind === 'ours' ? { ...made, untouched: etag ?? untouchedCopy(copied) } : made;
}

/**
 * Waits for a copy that an earlier run has started. `untouched` stays `undefined` if the copy had ended before this run saw
 * it: others may have written to it within the second of its completion, or held its lease.
 */
async function awaitCopied(session: Session, destination: PageBlob, base: Base, found: Ours | Complete): Promise<Made> {
  const properties = await awaitCopy(session, destination, base);
  const isSeenPending = found.properties.copy?.status === 'pending';
  return found.kind === 'ours' && isSeenPending ? { ...found, untouched: untouchedCopy(properties) } : found;
}

/**
 * Returns the ETag of a copy if nothing was written to it since the service completed it; else `undefined`. Both times have
 * whole seconds, so a write in the same second, before this look, goes unnoticed.
 */
function untouchedCopy(properties: BlobProperties | undefined): string | undefined {
  const completedAt = properties?.copy?.status === 'success' ? properties.copy.completedAt : undefined;
  return properties && completedAt && properties.lastModified.getTime() <= completedAt.getTime()
    ? properties.etag
    : undefined;
}

/**
 * After a refusal because of a condition: the base has changed, or somebody made the destination meanwhile. That
 * somebody may be this push itself, when the answer to its request was lost.
 */
async function afterRefusal(
  destination: PageBlob,
  base: Base | undefined,
  wanted: Wanted,
  error: unknown,
): Promise<Found | undefined> {
  const { status, code } =
    error instanceof VhdupError ? failureOf(error.cause) : { status: undefined, code: undefined };
  if (code === 'LeaseIdMissing')
    throw busy(
      destination,
      'it cannot be replaced: it is leased',
      (await destination.properties())?.metadata ?? {},
      error,
    );
  if (status !== 409 && status !== 412 && status !== 404) return undefined;
  if (base) await checkUnchanged(base, 'after it was checked', error);
  const found = await inspectDestination(destination, { ...wanted, overwrite: false });
  return found.kind === 'free' ? undefined : found;
}

/** Throws `base-mismatch` where the base is no longer what was checked. */
export async function checkUnchanged({ blob, properties }: Base, when: string, cause?: unknown): Promise<void> {
  const now = await blob.properties();
  if (now?.etag === properties.etag) return;
  throw new VhdupError('base-mismatch', `the base ${blob.uri}: it ${now ? 'changed' : 'was deleted'} ${when}`, {
    cause,
    hint: 'run the command again to check it anew, with --overwrite where the copy was begun',
  });
}

/** Waits for the service's copy to end, and returns the blob's properties then. Throws `base-mismatch` if it failed and the base has changed, `transfer-failed` if it failed otherwise. */
export async function awaitCopy(session: Session, destination: PageBlob, base: Base): Promise<BlobProperties> {
  const properties = await waitForCopy(destination, (done, total) => {
    session.progress('copy', done, total);
  });
  const { copy } = properties;
  if (copy && copy.status !== 'success') {
    await checkUnchanged(base, 'while it was copied');
    throw new VhdupError(
      'transfer-failed',
      `${destination.uri}: the service's copy of the base was ${copy.status}: ${copy.description ?? 'no reason given'}`,
      { hint: 'run the same command to start the copy again' },
    );
  }
  return properties;
}
