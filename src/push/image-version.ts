import { VhdupError } from '../errors.js';
import { hasStatus } from '../azure/service-error.js';
import { ImageMarkers, type ImageMarker, type MarkerOwner } from '../protocol/image-markers.js';
import { imageTitle, numberOf, versionOfTag } from '../protocol/image-name.js';
import { parsePushRecord, type PushRecord } from '../protocol/push-record.js';
import { call, option } from '../option-names.js';
import type { PreparedPush } from './context.js';

/** How often a number that another push has taken meanwhile is followed by a try of the next one. */
const MAX_TRIES = 100;
/** Versions with more digits are no numbers. */
const MAX_NUMBER = 1e15 - 1;

/** What a push record says of the image. */
type RecordedImage = Pick<PushRecord, 'image' | 'imageVersion'>;

/**
 * Returns the push with the image that its record will name. If the destination is about to be made, this claims a version of the
 * series; nothing is claimed again for a copy that is made again. If a version may not be claimed, warns, and the record has the image
 * alone. Throws `destination-exists` if another push has claimed the tag.
 */
export async function claimVersion(push: PreparedPush): Promise<PreparedPush> {
  const { options, identity, found } = push;
  if (found.kind !== 'replaceable' || identity.image !== undefined) return push;
  const there = found.replaces?.verdict.record;
  // The service's copy failed: what is there is this very push.
  if (there?.fingerprint === identity.fingerprint && there.state !== 'complete' && there.image !== undefined)
    return withImage(push, there);
  const { image } = options;
  if (image === undefined) return push;
  return withImage(push, { image, imageVersion: await versionFor(push, image) });
}

/** Returns the push with the image that its destination has recorded: a run that resumes it, or finds it complete, changes nothing of that. */
export function withRecordedImage(push: PreparedPush): PreparedPush {
  const record = recordOf(push);
  return record ? withImage(push, record) : push;
}

/** Warns if a destination that was there before keeps another image or version than the options ask for. Call `withRecordedImage` first. */
export function warnOfOtherImage(push: PreparedPush): void {
  const { session, destination, options, identity } = push;
  const { image, imageTag } = options;
  if (image === undefined || !recordOf(push)) return;
  const tag = imageTag === undefined ? undefined : versionOfTag(imageTag);
  const isOther = tag !== undefined && identity.imageVersion !== undefined && identity.imageVersion !== tag;
  if (identity.image === image && !isOther) return;
  const what =
    identity.image === undefined
      ? 'without the name of an image'
      : `as the image ${imageTitle(identity.image, identity.imageVersion)},`;
  session.warn({
    code: 'image-not-changed',
    message: `${destination.uri} was pushed ${what} before, and that stays`,
    hint: `to have it as ${imageTitle(image, tag)}, push the disk under another name`,
  });
}

function recordOf({ found }: PreparedPush): PushRecord | undefined {
  return found.kind === 'replaceable'
    ? undefined
    : found.kind === 'resumable'
      ? found.record
      : found.seen.verdict.record;
}

function withImage(push: PreparedPush, { image, imageVersion }: RecordedImage): PreparedPush {
  return { ...push, identity: { ...push.identity, image, imageVersion } };
}

/** Returns the version that this push has claimed; `undefined`, with a warning, if the service refuses it. */
async function versionFor(push: PreparedPush, image: string): Promise<string | undefined> {
  const { session, destination, identity, options } = push;
  const blob = await session.blob(destination.location);
  const markers = new ImageMarkers(session, blob, image);
  const owner = { fingerprint: identity.fingerprint, destination: destination.location.name };
  try {
    return options.imageTag === undefined
      ? await claimNumber(push, image, { markers, owner })
      : await claimTag(markers, owner, { image, version: versionOfTag(options.imageTag) });
  } catch (error) {
    if (!hasStatus(error, 403)) throw error;
    session.warn({
      code: 'version-not-claimed',
      message: `the image "${image}" is recorded without a version, because the credential does not allow to claim one in the container of ${destination.uri}`,
      hint: 'a version needs a credential for the container, such as a SAS for it that allows reading, writing and listing ("r", "w" and "l")',
    });
    return undefined;
  }
}

async function claimTag(
  markers: ImageMarkers,
  owner: MarkerOwner,
  { image, version }: { readonly image: string; readonly version: string },
): Promise<string> {
  if (await markers.claim(version, owner)) return version;
  const other = await markers.ownerOf(version);
  if (other && isSame(other, owner)) return version;
  throw new VhdupError(
    'destination-exists',
    `version ${version} of the image "${image}" is claimed by another push${other ? `, to ${other.destination}` : ''}`,
    {
      hint: `give another ${option('imageTag')}, or none for the next number; ${call('listImages')} lists the versions`,
    },
  );
}

/** Claims the number after all that were ever claimed or recorded. Another push may take it first: then the next one. */
async function claimNumber(
  push: PreparedPush,
  image: string,
  { markers, owner }: { readonly markers: ImageMarkers; readonly owner: MarkerOwner },
): Promise<string> {
  const recorded = await greatestRecorded(push, image);
  let least = recorded + 1;
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const claimed = await markers.list();
    const own = ownNumber(push, claimed, owner, image);
    if (own !== undefined) return own;
    const next = Math.max(least, ...claimed.map(({ version }) => (numberOf(version) ?? 0) + 1));
    if (next > MAX_NUMBER) break;
    if (await markers.claim(`${next}`, owner)) return `${next}`;
    least = next + 1;
  }
  throw new VhdupError('destination-busy', `no number can be claimed for a version of the image "${image}"`, {
    hint: `run the same command again, or give the version a name with ${option('imageTag')}`,
  });
}

async function greatestRecorded({ destination }: PreparedPush, image: string): Promise<number> {
  let greatest = 0;
  for (const { metadata } of await destination.neighbours()) {
    const record = parsePushRecord(metadata);
    if (record?.image === image) greatest = Math.max(greatest, numberOf(record.imageVersion) ?? 0);
  }
  return greatest;
}

/**
 * Returns the number that an earlier run of this very push has claimed, and was killed before it made the destination. What the
 * destination holds of this series is older than that claim: a number that is not greater was used already, and the blob replaced since.
 */
function ownNumber(
  { found }: PreparedPush,
  claimed: readonly ImageMarker[],
  owner: MarkerOwner,
  image: string,
): string | undefined {
  const there = found.kind === 'replaceable' ? found.replaces?.verdict.record : undefined;
  const used = there?.image === image ? (numberOf(there.imageVersion) ?? 0) : -1;
  const own = claimed
    .filter((marker) => marker.owner && isSame(marker.owner, owner))
    .map(({ version }) => numberOf(version) ?? -1);
  const greatest = Math.max(-1, ...own);
  return greatest > used ? `${greatest}` : undefined;
}

function isSame(a: MarkerOwner, b: MarkerOwner): boolean {
  return a.fingerprint === b.fingerprint && a.destination === b.destination;
}
