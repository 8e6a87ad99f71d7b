import { VhdupError } from '../errors.js';
import { formatShare } from '../bytes/format-size.js';
import { subtract, totalLength } from '../bytes/range.js';
import { totalsOf } from '../content/compare-leaves.js';
import type { Digests } from '../content/digest-computation.js';
import { RunningDigest } from '../content/running-digest.js';
import type { DestinationSnapshot, DestinationWriter } from '../destination/destination.js';
import { md5 } from '../digest/md5.js';
import type { Disk } from '../disk/disk.js';
import { MAX_WRITE } from '../plan/page-blob-limits.js';
import { gapsOf } from '../plan/push-plan.js';
import { LeaseSecret } from '../protocol/lease-secret.js';
import { Session } from '../session/session.js';
import { defaultStateFolder } from '../state/user-folders.js';
import { alreadyThere, warnOfMissingMd5 } from './already-there.js';
import { claim } from './claim.js';
import { bytesLeft } from './bytes-left.js';
import { clearDestination } from './clear.js';
import { contentMd5Omission, noteOmittedMd5 } from './content-md5.js';
import type { PreparedPush } from './context.js';
import type { Resumable } from './destination-state.js';
import { warnOfOtherImage } from './image-version.js';
import type { PushOptions } from './options.js';
import { prepare } from './prepare.js';
import { proveSource } from './prove-source.js';
import { recheckAll, recheckWritten } from './recheck.js';
import { resultOf, summaryOf, type PlannedPush, type PushResult } from './result.js';
import { Upload, type UploadStats } from './upload.js';

/**
 * Pushes a disk to a page blob, and sends only what the base does not have.
 * The order of the steps is what makes it safe to end at any of them: see `docs/PROTOCOL.md`.
 * Throws a `VhdupError`; after `cancelled`, `transfer-failed` and `lease-lost` the same call resumes.
 */
export async function push(source: Disk, options: PushOptions): Promise<PushResult> {
  await using session = new Session(options);
  // First, because it throws if there is no such folder: reading the disk and its base may take hours.
  const stateFolder = options.stateFolder ?? defaultStateFolder();
  const prepared = await prepare(session, source, { ...options, stateFolder });
  if (prepared.found.kind === 'complete') return await alreadyThere(prepared, prepared.found.seen);
  noteOmittedMd5(prepared);

  const { disk, guard, identity, plan } = prepared;
  const secret = await LeaseSecret.of(disk, { structure: guard.structure, fingerprint: identity.fingerprint, plan });
  await using digests = startDigests(prepared);
  const claimed = await claim(prepared, secret);
  if (claimed.kind === 'complete') {
    await digests[Symbol.asyncDispose]();
    return await alreadyThere(prepared, claimed.seen);
  }
  await using writer = claimed.writer;
  warnOfOtherImage(claimed.push);
  const { found } = claimed.push;
  const seal = () => options.seal && writer.seal(options.seal);
  if (found.kind === 'complete') {
    await digests[Symbol.asyncDispose]();
    warnOfMissingMd5(claimed.push, found.seen);
    writer.markComplete(found.seen);
    const { contentMd5 } = found.seen;
    return resultOf(claimed.push, { outcome: 'already-there', contentMd5, seal: await seal() });
  }
  if (found.kind === 'replaceable')
    throw new VhdupError('destination-busy', `${prepared.destination.uri}: it was replaced meanwhile`);
  await recordHolder(claimed.push, writer, found);
  const isReplaced = prepared.found.kind === 'replaceable' && prepared.found.replaces !== undefined;
  if (isReplaced || options.leafList === false) await writer.deleteLeafList();
  const filled = await fill(claimed.push, writer, found.seen, digests);
  const outcome = prepared.found.kind === 'resumable' ? 'resumed' : 'pushed';
  return resultOf(claimed.push, { outcome, contentMd5: filled.digests.md5, sent: filled.sent, seal: await seal() });
}

/** Returns what `push` would do with the same options. Reads the disk, the base and the destination, and changes nothing. */
export async function planPush(disk: Disk, options: PushOptions): Promise<PlannedPush> {
  await using session = new Session(options);
  const prepared = await prepare(session, disk, options, true);
  const { destination, base, plan, found, comparison } = prepared;
  if (found.kind !== 'complete') noteOmittedMd5(prepared);
  const left = await bytesLeft(prepared);
  return {
    blob: destination.uri,
    action: found.kind === 'complete' ? 'nothing' : found.kind === 'resumable' ? 'resume' : 'push',
    base: base && summaryOf(base),
    virtualSize: plan.footer.offset,
    blobSize: plan.size,
    plan,
    ...(comparison ? { leaves: totalsOf(comparison) } : {}),
    ...(left === undefined ? {} : { left }),
    ...(options.limit === undefined || found.kind === 'complete'
      ? {}
      : { estimatedMs: Math.ceil(((left ?? plan.totals.send) * 1000) / options.limit) }),
    ...(found.kind === 'complete' ? {} : contentMd5Omission(prepared)),
    warnings: session.warnings,
  };
}

/** A digest that reads more than this many times what is sent gets a scan of its own. */
const MOSTLY_UNSENT = 2;

/** Starts to compute the digests. Those that mostly read what is not sent run while the service copies and clears. */
function startDigests(push: PreparedPush): RunningDigest {
  const { session, disk, digests, stream, plan, base, identity } = push;
  const ready = digests.start(
    0,
    { md5: identity.contentMd5Omitted ? undefined : stream, tree: true },
    'digest',
    base === undefined,
  );
  const sent = totalLength(plan.write);
  return new RunningDigest(
    session,
    disk,
    ready,
    ({ ranges, isSlow }) => isSlow === true || totalLength(ranges) > MOSTLY_UNSENT * sent,
  );
}

/** Writes what this run decides (holder, lease, Content-MD5) to the record of an earlier run's push, and leaves the rest as it is. */
async function recordHolder(
  { identity: { holder, lease, toWrite, contentMd5Omitted } }: PreparedPush,
  writer: DestinationWriter,
  { record, seen }: Resumable,
): Promise<void> {
  if (record.lease !== lease)
    await writer.saveRecord(seen, {
      ...record,
      holder,
      ...(lease === undefined ? {} : { lease }),
      toWrite,
      contentMd5Omitted,
    });
}

/** Makes a complete destination of one that this run has claimed: clears or rechecks, writes, proves, completes. */
async function fill(
  push: PreparedPush,
  writer: DestinationWriter,
  seen: DestinationSnapshot,
  digest: RunningDigest,
): Promise<{ sent: UploadStats; digests: Digests }> {
  const { session, options, destination, base, plan, comparison, stream, identity } = push;
  if (base) await destination.cleanUpCopy(base, identity.fingerprint);
  // Before the first byte changes: from here on the digest proves nothing.
  await writer.removeContentMd5(seen);
  const state = seen.verdict.record?.state;
  if (!writer.isProved) await recheckAll(push, writer, seen);
  else if (state === 'clearing') await clearDestination(push, writer, seen);
  else await recheckWritten(push, writer, seen);
  await writer.fence();

  const left = subtract(plan.write, await writer.pageRanges());
  const kept = totalLength(plan.write) - totalLength(left);
  if (kept > 0) session.note(`resuming: ${formatShare(kept, totalLength(plan.write))} are there already`);
  const limit = session.scheduler.newLimit(MAX_WRITE);
  const moved = base && comparison && { base, leaves: comparison.moved, writer };
  await using upload = new Upload(session, { writer, plan, left, limit, moved });
  const digests = await digest.finish([upload], () => limit.concurrency);
  const { sent } = upload;
  // It is not known which gaps an earlier run has sent.
  const gaps = state === 'writing' ? gapsOf(plan) : sent.gaps;
  // Before the footer is written: until then the blob is no disk.
  const proved = await proveSource(push, writer, { digests, gaps });
  session.progress('finish', 0, 0);
  const { tree, leaves } = proved.digests;
  if (tree && leaves && options.leafList !== false) await writer.saveLeafList(tree, leaves);
  const footer = { bytes: stream.footer, md5: await md5(stream.footer) };
  await writer.complete({ footer, footerOffset: plan.footer.offset, ...proved });
  return {
    sent: { ...sent, bytes: sent.bytes + stream.footer.length, requests: sent.requests + 1 },
    digests: proved.digests,
  };
}
