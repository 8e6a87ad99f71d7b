import { VhdupError } from '../errors.js';
import {
  isChangedSince,
  isUnfinishedElsewhere,
  notedTree,
  stateOf,
  withState,
  type PushState,
  type StateDigests,
} from '../protocol/push-record.js';
import type { BlobProperties } from '../azure/blob-properties.js';
import type { Conditions } from '../azure/conditions.js';
import type { PageBlob } from '../azure/page-blob.js';
import { hasStatus } from '../azure/service-error.js';
import { FOOTER_LENGTH, type FixedStream } from '../disk/fixed-stream.js';
import type { Lease } from '../azure/lease.js';
import { PAGE, type PushPlan } from '../plan/push-plan.js';
import { totalLength } from '../bytes/range.js';
import { present } from '../protocol/present.js';
import { holderInWords } from '../protocol/holder.js';
import { inParallel } from '../run/concurrency.js';
import type { Digests } from '../content/digest-pass.js';
import type { Session } from '../session/session.js';
import type { DiskDigests } from '../content/disk-digests.js';

export type Identity = Omit<PushState, 'state'>;

/** Nothing, or something that may be replaced: it has to be as it was seen when that happens. */
export interface Free {
  readonly kind: 'free';
  readonly conditions: Conditions;
  readonly replaces: BlobProperties | undefined;
}

/** This very push, not finished. */
export interface Ours {
  readonly kind: 'ours';
  readonly state: PushState;
  readonly properties: BlobProperties;
}

/** The same content, finished. */
export interface Complete {
  readonly kind: 'complete';
  readonly properties: BlobProperties;
}

/** What stands at the destination. */
export type Found = Free | Ours | Complete;

export interface Wanted {
  readonly identity: Identity;
  readonly stream: FixedStream;
  readonly digests: DiskDigests;
  readonly overwrite: boolean;
}

/** Looks at the destination; throws `destination-exists` where something else is there that may not be replaced. */
export async function inspectDestination(blob: PageBlob, wanted: Wanted): Promise<Found> {
  const properties = await blob.properties();
  if (!properties) return { kind: 'free', conditions: { ifNoneMatch: '*' }, replaces: undefined };
  const state = stateOf(properties.metadata);
  if (state?.fingerprint === wanted.identity.fingerprint && state.state !== 'complete')
    return settled({ kind: 'ours', state, properties });
  if (await isComplete(blob, properties, state, wanted)) return { kind: 'complete', properties };
  if (wanted.overwrite) return { kind: 'free', conditions: { ifMatch: properties.etag }, replaces: properties };
  throw inTheWay(blob, properties, state);
}

/** A copy that failed or was aborted left nothing to go on with: it is made again. */
function settled(found: Ours): Found {
  const { copy, etag } = found.properties;
  const isBroken = found.state.state === 'clearing' && (copy?.status === 'failed' || copy?.status === 'aborted');
  return isBroken ? { kind: 'free', conditions: { ifMatch: etag }, replaces: found.properties } : found;
}

async function isComplete(
  blob: PageBlob,
  properties: BlobProperties,
  state: PushState | undefined,
  { identity, stream, digests }: Wanted,
): Promise<boolean> {
  const { contentMd5, size, etag, type, copy, lastModified } = properties;
  if (type !== 'PageBlob' || copy?.status === 'pending') return false;
  const noted = notedTree(state, contentMd5);
  if ((state && state.state !== 'complete') || (!noted && contentMd5 === undefined) || size !== stream.size)
    return false;
  if (state && isChangedSince(state, lastModified)) return false;
  if (state?.fingerprint === identity.fingerprint && state.times === identity.times) return true;
  const tail = await footerOf(blob, size, etag);
  if (!tail?.equals(stream.footer)) return false;
  const { tree, md5 } = await digests.of(0, noted ? { tree: true } : { md5: stream }, 'compare-destination');
  return noted && tree ? noted.equals(tree) : md5 !== undefined && contentMd5?.equals(md5) === true;
}

/** Reads the footer; returns `undefined` if the blob was changed or deleted meanwhile: then it is not complete. */
async function footerOf(blob: PageBlob, size: number, etag: string): Promise<Buffer | undefined> {
  try {
    return await blob.read({ offset: size - FOOTER_LENGTH, length: FOOTER_LENGTH }, { ifMatch: etag });
  } catch (error) {
    if (hasStatus(error, 404, 412)) return undefined;
    throw error;
  }
}

function inTheWay(
  { uri }: PageBlob,
  { metadata, contentMd5, lastModified, copy }: BlobProperties,
  state: PushState | undefined,
): VhdupError {
  const holder = holderInWords(state?.holder);
  const what =
    state && state.state !== 'complete'
      ? `an unfinished push of something else (another disk or base, the same ones changed, another --gap, or an earlier version) is there${holder === undefined ? '' : `, by ${holder}`}`
      : state && isChangedSince(state, lastModified)
        ? `a finished push is there, but it was written to afterwards, last at ${lastModified.toISOString()}`
        : isUnfinishedElsewhere(metadata, contentMd5 !== undefined)
          ? 'an unfinished upload of another tool is there'
          : copy?.status === 'pending'
            ? 'another blob is being copied there'
            : 'another blob is there';
  return new VhdupError('destination-exists', `${uri}: ${what}`, {
    hint: 'choose another name with --to, or replace it with --overwrite',
  });
}

/**
 * Readies a copy for the writes: afterwards nothing of the base stands where this push writes, and no footer makes the
 * blob a disk; only then the state says `writing`. Every step may be repeated, and is, after a crash.
 */
export async function clearDestination(
  session: Session,
  blob: PageBlob,
  found: BlobProperties,
  identity: Identity,
  plan: PushPlan,
  conditions: Conditions,
): Promise<void> {
  await blob.clear({ offset: found.size - PAGE, length: PAGE }, conditions);
  if (found.size !== plan.size) await blob.resize(plan.size, conditions);
  await blob.clear(plan.footer, conditions);
  const total = totalLength(plan.clear);
  let done = 0;
  session.progress('clear', done, total);
  await inParallel(
    plan.clear,
    session.traffic.lanes(),
    async (range) => {
      await blob.clear(range, conditions);
      done += range.length;
      session.progress('clear', done, total);
    },
    session.fail,
  );
  await blob.setMetadata(withState(found.metadata, { ...identity, state: 'writing' }), conditions);
}

/** How often the time of completion is set before `transfer-failed` is thrown. */
const MAX_COMPLETIONS = 5;

/** What completes a blob. */
export interface Completion {
  readonly footer: { readonly bytes: Uint8Array; readonly md5: Uint8Array };
  readonly plan: PushPlan;
  readonly identity: Identity;
  readonly digests: Digests;
}

/**
 * Makes the blob a disk: writes the footer, sets Content-MD5, then the state `complete` with a time that is not before this last
 * change. Holds the lease until that time is over. So every write after the push gives the blob a later Last-Modified, and
 * nothing else does.
 */
export async function completeDestination(
  blob: PageBlob,
  lease: Lease,
  { footer, plan, identity, digests: { md5, tree } }: Completion,
): Promise<void> {
  const { conditions } = lease;
  await blob.write(plan.footer.offset, footer.bytes, footer.md5, conditions);
  const properties = await present(blob);
  const digests: StateDigests | undefined = tree && { tree: tree.toString('hex'), md5: md5?.toString('hex') };
  let { date } = await blob.setContentMd5(md5, properties, conditions);
  // The next answer is expected a second later; each time that it comes later than expected, twice as much is allowed.
  for (let tries = 1, delayMs = 1000; tries <= MAX_COMPLETIONS; tries++, delayMs *= 2) {
    const completedAt = new Date(date.getTime() + delayMs);
    // Set before the request, in case its answer is lost.
    lease.delayRelease(delayMs / 1000 + 2);
    const changed = await blob.setMetadata(
      withState(properties.metadata, { ...identity, state: 'complete', completedAt, completedSlackMs: 0, digests }),
      conditions,
    );
    if (changed.lastModified.getTime() <= completedAt.getTime()) {
      lease.markComplete((completedAt.getTime() - changed.lastModified.getTime()) / 1000 + 1);
      return;
    }
    // This Last-Modified would look like a later write by another client, so the blob must not stay complete.
    ({ date } = await blob.setMetadata(withState(properties.metadata, { ...identity, state: 'writing' }), conditions));
  }
  throw new VhdupError(
    'transfer-failed',
    `${blob.uri}: the service took too long to complete it, ${MAX_COMPLETIONS} times`,
    { hint: 'run the same command again' },
  );
}
