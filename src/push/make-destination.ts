import { VhdupError } from '../errors.js';
import { hasStatus } from '../azure/service-error.js';
import type { CopyEnd } from '../destination/destination.js';
import type { Base } from './base.js';
import { requireUnchanged } from './base-blob.js';
import type { PreparedPush } from './context.js';
import type { Complete, DestinationState, Replaceable, Resumable } from './destination-state.js';
import { inspectDestination } from './inspect-destination.js';

/** A destination that is there. */
export type MadeDestination =
  | (Resumable & {
      /** Its ETag if it is sure that nothing was written to it since the service made it. A lease taken under this ETag is proved. */
      readonly untouched?: string | undefined;
    })
  | Complete;

/**
 * Makes the destination, unless it is there from an earlier run: a copy of the base in state `clearing`, or empty in state
 * `writing`, since nothing has to be cleared in it.
 */
export async function makeDestination(push: PreparedPush): Promise<MadeDestination> {
  const { destination, base, found } = push;
  if (found.kind !== 'replaceable') return base ? awaitEarlierCopy(push, base, found) : found;
  const ifMatch = found.replaces ? await destination.prepareReplacement(found.replaces) : found.ifMatch;
  let etag: string | undefined;
  try {
    etag = await copyOrCreate(push, ifMatch);
  } catch (error) {
    const again = await afterRefusal(push, error);
    if (again) return base ? awaitEarlierCopy(push, base, again) : again;
    throw error;
  }
  const copied = base && (await waitForCopy(push, base));
  const made = await inspectDestination(push, false);
  if (made.kind === 'replaceable')
    throw new VhdupError('destination-busy', `${destination.uri}: it was deleted or replaced as soon as it was made`);
  return made.kind === 'resumable' ? { ...made, untouched: etag ?? copied?.untouched } : made;
}

async function copyOrCreate(
  { destination, base, plan, identity }: PreparedPush,
  ifMatch: string | undefined,
): Promise<string | undefined> {
  if (!base) return destination.create(plan.size, { ...identity, state: 'writing' }, ifMatch);
  await destination.copyFrom(base, { ...identity, state: 'clearing' }, ifMatch);
  return undefined;
}

/**
 * Waits for a copy that an earlier run has started. `untouched` stays `undefined` if the copy had ended before this run saw
 * it: others may have written to it within the second of its completion, or held its lease.
 */
async function awaitEarlierCopy(push: PreparedPush, base: Base, found: Resumable | Complete): Promise<MadeDestination> {
  const { untouched } = await waitForCopy(push, base);
  return found.kind === 'resumable' && found.seen.copy === 'pending' ? { ...found, untouched } : found;
}

/**
 * Looks at the destination after a refusal: the base has changed, or the destination was made meanwhile. That may have been
 * this push itself, if the answer to its request was lost. Returns `undefined` if it is not there.
 */
async function afterRefusal(
  push: PreparedPush,
  error: unknown,
): Promise<Exclude<DestinationState, Replaceable> | undefined> {
  if (!hasStatus(error, 404, 409, 412)) return undefined;
  if (push.base) await requireUnchanged(push.base, 'after it was checked', error);
  const found = await inspectDestination(push, false);
  return found.kind === 'replaceable' ? undefined : found;
}

/**
 * Waits until the service's copy has ended. If the copy failed or was aborted, throws `base-mismatch` if the base has changed, else
 * `transfer-failed`.
 */
async function waitForCopy({ session, destination }: PreparedPush, base: Base): Promise<CopyEnd> {
  const end = await destination.waitForCopy((done, total) => {
    session.progress('copy', done, total);
  });
  if (end.failure !== undefined) {
    await requireUnchanged(base, 'while it was copied');
    throw new VhdupError('transfer-failed', `${destination.uri}: the service's copy of the base was ${end.failure}`, {
      hint: 'run the same command to start the copy again',
    });
  }
  return end;
}
