import { VhdupError } from '../errors.js';
import { isSameBlob } from '../azure/location.js';
import { DiskDigests } from '../content/disk-digests.js';
import { SourceGuard } from '../content/source-guard.js';
import { PageBlobDestination } from '../destination/page-blob.js';
import type { Disk } from '../disk/disk.js';
import { FixedStream } from '../protocol/fixed-vhd.js';
import { requireImageOptions } from '../protocol/image-name.js';
import { isOverUncheckedBase, type PushIdentity } from '../protocol/push-record.js';
import type { Session } from '../session/session.js';
import { DigestCache } from '../state/digest-cache.js';
import { defaultCacheFolder } from '../state/user-folders.js';
import type { Base } from './base.js';
import { requireCapabilities } from './capabilities.js';
import { checkBase } from './check-base.js';
import { chooseBase } from './choose-base.js';
import { omitsContentMd5 } from './content-md5.js';
import type { PreparedPush, PushContext } from './context.js';
import { destinationOf } from './destination-location.js';
import type { DestinationState } from './destination-state.js';
import { inspectDestination } from './inspect-destination.js';
import { PUSH_RULES, type PushOptions } from './options.js';
import { planAndIdentify } from './plan-and-identity.js';
import { requireUsableDisk } from './usable-disk.js';
import { call, option } from '../option-names.js';
import { checkOptions } from '../option-rules.js';

/**
 * Decides what a push has to do: reads the disk's structures, the base and the destination, and changes nothing. `isDryRun`: the
 * push itself does not follow.
 */
export async function prepare(
  session: Session,
  source: Disk,
  options: PushOptions,
  isDryRun = false,
): Promise<PreparedPush> {
  const context = { ...(await openPush(session, source, options)), isDryRun };
  const prepared = await decideOnOneState(context);
  const { destination, base, plan, found } = prepared;
  if (found.kind !== 'complete') {
    destination.warnOfExpiry(plan.totals.send);
    if (base) session.warnOfExpiry(base.blob, 0);
  }
  return prepared;
}

async function decideOnOneState(context: PushContext): Promise<PreparedPush> {
  const prepared = await decide(context);
  // Only a complete destination needs one state of the files here: a push proves that before it completes the blob.
  if (prepared.found.kind !== 'complete' || (await context.guard.isUntouched())) return prepared;
  return context.guard.repeatUntilUntouched(() => decide(context));
}

/** Fixes the state of the files that is pushed, and warns of anything unusual about the disk. */
async function openPush(session: Session, source: Disk, options: PushOptions): Promise<Omit<PushContext, 'isDryRun'>> {
  checkOptions(options, PUSH_RULES);
  requireBaseOptions(options);
  requireImageOptions(options);
  const guard = await SourceGuard.begin(source, {
    onTouched: (path) => {
      session.note(`${path} was touched: what was sent is compared with the disk before the push is completed`);
    },
  });
  const { disk } = guard;
  const path = disk.layers[0]?.path ?? '';
  const stream = new FixedStream(disk);
  requireUsableDisk(session, disk, options);
  const location = destinationOf(path, options.to, options.base);
  const destination = await PageBlobDestination.at(session, location, options.stateFolder);
  requireCapabilities(destination.can, destination.uri, options);
  const { cacheFolder } = options;
  const cache = cacheFolder === false ? undefined : new DigestCache(cacheFolder ?? defaultCacheFolder());
  return { session, options, guard, disk, stream, destination, cache };
}

/** Throws `usage` for options of a base that contradict each other. */
function requireBaseOptions({
  base,
  image,
  compare = 'auto',
  baseCheck = 'content',
  baseDisk,
  readBase,
}: PushOptions): void {
  if (compare === 'leaves' && baseCheck !== 'content')
    throw new VhdupError(
      'usage',
      `${option('compare', 'leaves')} and ${option('baseCheck', baseCheck)} cannot be used together: leaves are compared by their content`,
    );
  const lone = baseDisk ? 'baseDisk' : readBase ? 'readBase' : compare !== 'auto' ? 'compare' : undefined;
  if (lone !== undefined && base === undefined && image === undefined)
    throw new VhdupError('usage', `${option(lone)} needs a base: name it with ${option('base')}`);
}

async function decide(context: PushContext): Promise<PreparedPush> {
  const { session, disk, stream, destination, cache, options } = context;
  const digests = new DiskDigests(session, disk, cache);
  const { base, isChecked } = await chooseBase(context, digests);
  const { plan, identity: planned, comparison } = await planAndIdentify(context, base, digests);
  const found = await inspectDestination(
    { destination, identity: planned, stream, digests },
    options.overwrite ?? false,
  );
  const identity: PushIdentity = omitsContentMd5(context, { plan, base, found })
    ? { ...planned, contentMd5Omitted: true }
    : planned;

  // What an earlier run of this very push has checked needs no second check, if nothing touched the files since.
  const wasChecked = isChecked || (found.kind === 'resumable' && found.record.times === identity.times);
  if (base && found.kind !== 'complete') {
    requireCopyable(context, base, found);
    if (!wasChecked) await checkBase(digests, disk, base);
    warnOfBase(context, base);
  }
  return { ...context, base, isBaseChecked: isChecked || !wasChecked, plan, comparison, digests, identity, found };
}

/** Throws if the service cannot copy the base to the destination. */
function requireCopyable({ destination }: PushContext, { blob, properties }: Base, found: DestinationState): void {
  // The ETag shows it too, if one blob has two names.
  if (
    isSameBlob(blob.location, destination.location) ||
    (found.kind === 'replaceable' && found.ifMatch === properties.etag)
  )
    throw new VhdupError('destination-exists', `${destination.uri}: the destination is the base itself`, {
      hint: `give the new blob another name with ${option('to')}`,
    });
  if (blob.location.endpoint !== destination.location.endpoint && blob.credentials.kind !== 'sas')
    throw new VhdupError(
      'not-authorised',
      `the base ${blob.uri} is in another account than the destination, and has no SAS`,
      { hint: 'add a SAS that allows reading to the URI of the base: the service needs it to copy from there' },
    );
}

function warnOfBase({ session, disk }: PushContext, base: Base): void {
  const { blob, properties, verdict, check } = base;
  if (check === 'id')
    session.warn({
      code: 'base-by-id',
      message: `only its id says that the base is ${disk.layers[base.layer]?.path ?? ''}; its content was not checked`,
    });
  if (check !== 'leaves' && verdict.record && isOverUncheckedBase(verdict.record))
    session.warn({
      code: 'base-over-unchecked-base',
      message: `the base ${blob.uri} was itself pushed over a base whose content was not checked`,
    });
  if (properties.protection === undefined)
    session.warn({
      code: 'base-not-sealed',
      message: `nothing keeps the base ${blob.uri} from changing`,
      hint: `seal it with ${call('sealBlob')}, or name a snapshot of it`,
    });
}
