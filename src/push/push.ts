import type { Lease } from '../azure/lease.js';
import { stateOf, withState } from '../protocol/push-record.js';
import type { BlobProperties } from '../azure/blob-properties.js';
import type { Conditions } from '../azure/conditions.js';
import type { PageBlob } from '../azure/page-blob.js';
import { VhdupError } from '../errors.js';
import type { Disk } from '../disk/disk.js';
import { md5 } from '../digest/md5.js';
import { MAX_WRITE, gapsOf } from '../plan/push-plan.js';
import { rangeSet, subtract, totalLength } from '../bytes/range.js';
import { defaultStateFolder } from '../state/user-folders.js';
import { claim } from './claim.js';
import { clearDestination, completeDestination, type Complete, type Identity, type Ours } from './destination.js';
import { letGo, letGoCrashed, unnoticedFor } from '../protocol/hold-lease.js';
import { LeaseSecret } from '../protocol/lease-secret.js';
import { dropCopySource } from '../protocol/copy-source.js';
import type { PushOptions } from './options.js';
import { prepare, type Preparation } from './prepare.js';
import { proveSource, verifyComplete } from './prove-source.js';
import { Session } from '../session/session.js';
import { beginPass, type BegunPass, type Digests } from '../content/digest-pass.js';
import { sealFree, sealHeld, type Seal } from '../protocol/seal.js';
import { recheckAll, recheckWritten } from './recheck.js';
import { Upload, type Sent } from './transfer.js';
import { summarise, summaryOf, type PlannedPush, type PushResult } from './result.js';

/**
 * Pushes a disk to a page blob, and sends only what the base does not have.
 * The order of the steps is what makes it safe to end at any of them: see `docs/PROTOCOL.md`.
 * Throws a `VhdupError`; after `cancelled`, `transfer-failed` and `lease-lost` the same call resumes.
 */
export async function push(opened: Disk, options: PushOptions): Promise<PushResult> {
  const session = new Session(options);
  // Throws if there is no such folder: before the disk and its base are read, which may take hours.
  const stateFolder = options.stateFolder ?? defaultStateFolder();
  const prepared = await prepare(session, opened, options);
  const {
    destination,
    guard: { disk, structure },
    plan,
  } = prepared;
  if (prepared.found.kind === 'complete') return alreadyThere(session, prepared, prepared.found, options, stateFolder);
  const secret = await LeaseSecret.of(disk, { structure, fingerprint: prepared.identity.fingerprint, plan });

  await using digests = beginDigests(session, disk, prepared, options);
  const claimed = await claim(session, disk, prepared, { secret, stateFolder, overwrite: options.overwrite ?? false });
  if (claimed.kind === 'complete') {
    await digests[Symbol.asyncDispose]();
    return await alreadyThere(session, prepared, claimed, options, stateFolder);
  }
  const { preparation, found, lease } = claimed;
  try {
    const sealed = () => options.seal && sealHeld(session, destination, lease, options.seal, stateFolder);
    if (found.kind === 'complete') {
      await digests[Symbol.asyncDispose]();
      tellOfMissingMd5(session, destination, found.properties, options);
      lease.markComplete(unnoticedFor(found.properties));
      return done(session, preparation, 'already-there', {
        contentMd5: found.properties.contentMd5,
        seal: await sealed(),
      });
    }
    if (found.kind !== 'ours')
      throw new VhdupError('destination-busy', `${destination.uri}: it was replaced meanwhile`);
    await signOn(destination, found, preparation.identity, lease.conditions);
    const filled = await fill(session, disk, preparation, found.properties, digests, lease, options);
    return done(session, preparation, prepared.found.kind === 'ours' ? 'resumed' : 'pushed', {
      contentMd5: filled.digests.md5,
      sent: filled.sent,
      seal: await sealed(),
    });
  } finally {
    await letGo(lease, destination, stateFolder);
  }
}

/** What `push` would do with the same options; reads the disk, the base and the destination, and changes nothing. */
export async function planPush(disk: Disk, options: PushOptions): Promise<PlannedPush> {
  const session = new Session(options);
  const { destination, base, plan, found } = await prepare(session, disk, options);
  return {
    destination: destination.uri,
    action: found.kind === 'complete' ? 'nothing' : found.kind === 'ours' ? 'resume' : 'push',
    base: base && summaryOf(base),
    plan,
    warnings: session.warnings,
  };
}

/** The destination is complete, and nobody holds it. */
async function alreadyThere(
  session: Session,
  preparation: Preparation,
  { properties }: Complete,
  options: PushOptions,
  stateFolder: string,
): Promise<PushResult> {
  const { destination } = preparation;
  tellOfMissingMd5(session, destination, properties, options);
  await letGoCrashed(destination, properties, stateFolder);
  if (options.verify !== undefined) await verifyComplete(session, preparation, options.verify, properties);
  const seal = options.seal && (await sealFree(session, destination, properties, options.seal, stateFolder));
  return done(session, preparation, 'already-there', { contentMd5: properties.contentMd5, seal });
}

/** A disk that is read for so many times what is sent of it is read apart. */
const MOSTLY_UNSENT = 2;

/** Digests for which most is read that is not sent get on with it while the service copies and clears. */
function beginDigests(
  session: Session,
  disk: Disk,
  { digests, stream, plan, base }: Preparation,
  { contentMd5 = true }: PushOptions,
): BegunPass {
  const ready = digests.pass(0, { md5: contentMd5 ? stream : undefined, tree: true }, 'digest', base === undefined);
  const sent = totalLength(plan.write);
  return beginPass(
    session,
    disk,
    ready,
    ({ needs, isHeldUp }) => isHeldUp === true || totalLength(needs) > MOSTLY_UNSENT * sent,
  );
}

function tellOfMissingMd5(
  session: Session,
  { uri }: PageBlob,
  found: BlobProperties,
  { contentMd5 = true }: PushOptions,
): void {
  if (contentMd5 && !found.contentMd5) session.warn(`${uri} has no Content-MD5: it was pushed with --no-md5`);
}

/** Writes this run's holder and lease to the metadata of an earlier run's push, and leaves the rest of it as it is. */
async function signOn(
  destination: PageBlob,
  { state, properties }: Ours,
  { holder, lease }: Identity,
  conditions: Conditions,
): Promise<void> {
  if (state.lease !== lease)
    await destination.setMetadata(
      withState(properties.metadata, { ...state, holder, ...(lease === undefined ? {} : { lease }) }),
      conditions,
    );
}

/** From a destination that this process holds to a complete one. */
async function fill(
  session: Session,
  disk: Disk,
  preparation: Preparation,
  found: BlobProperties,
  pass: BegunPass,
  lease: Lease,
  options: PushOptions,
): Promise<{ sent: Sent; digests: Digests }> {
  const { destination, base, plan, stream, identity } = preparation;
  if (base) await dropCopySource(session, base, identity.fingerprint);
  const { conditions } = lease;
  // Before the first byte changes, nothing vouches for the blob any longer.
  if (found.contentMd5) await destination.setContentMd5(undefined, found, conditions);
  if (lease.isProved && stateOf(found.metadata)?.state === 'clearing')
    await clearDestination(session, destination, found, identity, plan, conditions);
  else if (lease.isProved) await recheckWritten(session, disk, preparation, { found, conditions });
  else await recheckAll(session, disk, preparation, { found, conditions });
  await lease.fence();

  const there = rangeSet(await destination.pageRanges(lease.conditions));
  const left = subtract(plan.write, there);
  const kept = totalLength(plan.write) - totalLength(left);
  if (kept > 0) session.note(`resuming: ${kept} of ${totalLength(plan.write)} bytes are there already`);
  const lanes = session.traffic.lanes(MAX_WRITE);
  await using upload = new Upload(session, { blob: destination, plan, left, conditions: lease.conditions, lanes });
  const digests = await pass.finish([upload], () => lanes.count);
  const { sent } = upload;
  // It is not known which gaps an earlier run has sent.
  const gaps = stateOf(found.metadata)?.state === 'writing' ? gapsOf(plan) : sent.gaps;
  // Before the footer is written: until then the blob is no disk.
  const proved = await proveSource(session, preparation, digests, { conditions: lease.conditions, gaps, options });
  session.progress('finish', 0, 0);
  await completeDestination(destination, lease, {
    footer: { bytes: stream.footer, md5: md5(stream.footer) },
    plan,
    identity: proved.identity,
    digests: proved.digests,
  });
  return {
    sent: { ...sent, bytes: sent.bytes + stream.footer.length, requests: sent.requests + 1 },
    digests: proved.digests,
  };
}

function done(
  session: Session,
  { destination, base, plan, identity }: Preparation,
  outcome: PushResult['outcome'],
  { contentMd5, sent, seal }: { contentMd5: Uint8Array | undefined; sent?: Sent; seal: Seal | undefined },
): PushResult {
  return summarise({
    destination: destination.uri,
    id: identity.id,
    base: base && summaryOf(base),
    plan,
    outcome,
    contentMd5,
    sent,
    seal,
    warnings: session.warnings,
  });
}
