import { VhdupError } from '../errors.js';
import { baseLocationOf, isSameBlob } from '../azure/location.js';
import { stateOf } from '../protocol/push-record.js';
import type { PageBlob } from '../azure/page-blob.js';
import type { Disk } from '../disk/disk.js';
import { FixedStream } from '../disk/fixed-stream.js';
import { MAX_WRITE, PushPlanner, type PushPlan } from '../plan/push-plan.js';
import { checkBase, findBase, findBaseInContainer, isMismatch, type Base, type BaseRules } from './base.js';
import { destinationOf } from './destination-location.js';
import { inspectDestination, type Found, type Identity } from './destination.js';
import { fingerprintOf } from './fingerprint.js';
import type { PushOptions } from './options.js';
import { DiskDigests } from '../content/disk-digests.js';
import { thisHolder } from '../protocol/holder.js';
import type { Session } from '../session/session.js';
import { SourceGuard } from '../content/source-guard.js';
import { DigestCache } from '../state/digest-cache.js';
import { defaultCacheFolder } from '../state/user-folders.js';

/** All that is decided before the first request that changes anything. */
export interface Preparation {
  readonly destination: PageBlob;
  readonly base: Base | undefined;
  /** False if only the blob's metadata says that an earlier run has checked the base's content. */
  readonly isBaseChecked: boolean;
  readonly plan: PushPlan;
  readonly stream: FixedStream;
  readonly guard: SourceGuard;
  readonly digests: DiskDigests;
  /** What the destination's metadata says while the push runs; only `state` changes. */
  readonly identity: Identity;
  readonly found: Found;
}

/** The largest page blob, in bytes. */
const MAX_BLOB = 8 * 1024 ** 4;
const MIB = 1024 ** 2;

/** Decides what a push has to do: reads the disk's structures, the base and the destination, and changes nothing. */
export async function prepare(session: Session, disk: Disk, options: PushOptions): Promise<Preparation> {
  const { gap } = options;
  if (gap !== undefined && !(gap >= 0 && gap <= MAX_WRITE))
    throw new VhdupError('usage', `a gap has 0 to ${MAX_WRITE} bytes, not ${gap}`);
  const guard = await SourceGuard.begin(disk, {
    onTouched: (path) => {
      session.note(`${path} was touched: what was sent is compared with the disk before the push is completed`);
    },
  });
  const stream = new FixedStream(guard.disk);
  if (stream.size > MAX_BLOB)
    throw new VhdupError('disk-unsupported', `${pathOf(disk)}: ${disk.size} bytes do not fit in a page blob (8 TiB)`);
  for (const warning of [
    ...disk.warnings,
    ...disk.layers.flatMap(({ path, warnings }) => warnings.map((text) => `${path}: ${text}`)),
  ])
    session.warn(warning);

  if (disk.size % MIB !== 0)
    session.warn(
      `${pathOf(disk)}: the size of ${disk.size} bytes is no whole number of MiB: no virtual machine of the service starts from such a disk`,
    );

  const destination = await session.blob(destinationOf(pathOf(disk), options.to, options.base));
  const decided = await decide(session, { destination, stream, guard }, options);
  // Only a complete destination needs one state of the files here: a push proves that before it completes the blob.
  if (decided.found.kind !== 'complete' || (await guard.isUntouched())) return decided;
  return guard.repeatUntilUntouched(() => decide(session, { destination, stream, guard }, options));
}

async function decide(
  session: Session,
  { destination, stream, guard }: Pick<Preparation, 'destination' | 'stream' | 'guard'>,
  options: PushOptions,
): Promise<Preparation> {
  const { disk } = guard;
  const digests = new DiskDigests(
    session,
    disk,
    options.cacheFolder === false ? undefined : new DigestCache(options.cacheFolder ?? defaultCacheFolder()),
  );
  const { base, isChecked } = await chooseBase(session, disk, destination, digests, options);
  const plan = await planOf(disk, base, options.gap);
  const identity = identityOf(guard, base, plan);
  const found = await inspectDestination(destination, {
    identity,
    stream,
    digests,
    overwrite: options.overwrite ?? false,
  });

  // What an earlier run of this very push checked needs no second look, as long as nothing touched the files since.
  const wasChecked = isChecked || (found.kind === 'ours' && found.state.times === identity.times);
  if (base && found.kind !== 'complete') {
    // The ETag tells too, where one blob goes by two names.
    if (
      isSameBlob(base.blob.location, destination.location) ||
      (found.kind === 'free' && found.conditions.ifMatch === base.properties.etag)
    ) {
      throw new VhdupError('destination-exists', `${destination.uri}: the destination is the base itself`, {
        hint: 'give the new blob another name with --to',
      });
    }
    if (base.blob.location.endpoint !== destination.location.endpoint && base.blob.credentials.kind !== 'sas') {
      throw new VhdupError(
        'not-authorised',
        `the base ${base.blob.uri} is in another account than the destination, and has no SAS`,
        { hint: 'add a SAS that allows reading to the URI of the base: the service needs it to copy from there' },
      );
    }
    if (!wasChecked) await checkBase(digests, disk, base);
    if (base.check === 'id')
      session.warn(
        `the base was taken for ${disk.layers[base.layer]?.path ?? ''} by its id alone; its content was not checked`,
      );
    if (stateOf(base.properties.metadata)?.base?.check === 'id')
      session.warn(`the base ${base.blob.uri} was itself pushed over a base whose content was not checked`);
    if (base.properties.protection === undefined)
      session.warn(
        `nothing keeps the base ${base.blob.uri} from changing: seal it with vhdup seal, or name a snapshot of it`,
      );
  }
  return { destination, base, isBaseChecked: isChecked || !wasChecked, plan, stream, guard, digests, identity, found };
}

interface ChosenBase {
  readonly base: Base | undefined;
  readonly isChecked: boolean;
}

async function chooseBase(
  session: Session,
  disk: Disk,
  destination: PageBlob,
  digests: DiskDigests,
  options: PushOptions,
): Promise<ChosenBase> {
  const rules: BaseRules = { check: options.baseCheck ?? 'content', isSealed: options.requireSealedBase ?? false };
  if (options.base === undefined) return { base: undefined, isChecked: false };
  if (options.base !== 'auto')
    return {
      base: await findBase(session, disk, baseLocationOf(options.base, destination.location), rules),
      isChecked: false,
    };
  const begun = await begunBase(session, disk, destination, rules);
  if (begun) return begun;
  const base = await findBaseInContainer(session, disk, destination, digests, rules);
  session.note(base ? `base: ${base.blob.uri}` : 'no ancestor of this disk is in the container: everything is sent');
  return { base, isChecked: true };
}

/** What an interrupted push to the destination found: looking again could find another base meanwhile. */
async function begunBase(
  session: Session,
  disk: Disk,
  destination: PageBlob,
  rules: BaseRules,
): Promise<ChosenBase | undefined> {
  const state = stateOf((await destination.properties())?.metadata ?? {});
  if (!state || state.state === 'complete' || state.id !== disk.id) return undefined;
  if (!state.base) return { base: undefined, isChecked: false };
  try {
    const location = baseLocationOf(state.base.uri, destination.location);
    // Metadata is somebody's text: no credential follows it to another account.
    return location.endpoint === destination.location.endpoint
      ? { base: await findBase(session, disk, location, rules), isChecked: false }
      : undefined;
  } catch (error) {
    if (isMismatch(error) || (error instanceof VhdupError && error.code === 'usage')) return undefined;
    throw error;
  }
}

/** Makes the plan for a disk over a base, from its structures and bitmaps. */
export async function planOf(disk: Disk, base: Base | undefined, gap: number | undefined): Promise<PushPlan> {
  const planner = new PushPlanner({
    size: disk.size,
    base: base && { blobSize: base.properties.size, isContentChecked: isContentChecked(base) },
    gap,
  });
  for await (const stretch of disk.stretches(base ? { above: base.layer } : {})) {
    for (const extent of stretch) planner.add(extent);
  }
  return planner.plan();
}

/** Returns false if only the id was checked, of the base or of the base that it was pushed over. */
function isContentChecked({ check, properties }: Base): boolean {
  return check !== 'id' && stateOf(properties.metadata)?.base?.check !== 'id';
}

/** Returns what the destination's metadata gets: it describes a push from the state of the files in `guard`. */
export function identityOf(guard: SourceGuard, base: Base | undefined, plan: PushPlan): Identity {
  const { disk } = guard;
  return {
    fingerprint: fingerprintOf(guard.structure, base && [base.id, base.properties.etag, base.check], plan),
    times: guard.times,
    id: disk.id,
    parentId: disk.layers[0]?.parentId,
    base: base && { uri: base.blob.uri, etag: base.properties.etag, id: base.id, check: base.check },
    holder: thisHolder(),
  };
}

function pathOf(disk: Disk): string {
  return disk.layers[0]?.path ?? '';
}
