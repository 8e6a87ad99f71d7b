import { hasCode, messageOf, VhdupError } from '../errors.js';
import { baseLocationOf } from '../azure/location.js';
import type { ListedBlob } from '../azure/container.js';
import { hasStatus } from '../azure/service-error.js';
import type { DiskDigests } from '../content/disk-digests.js';
import { parsePushRecord } from '../protocol/push-record.js';
import { forEachLimited } from '../run/concurrency.js';
import type { AncestorBase, Base } from './base.js';
import { isMismatch } from './base-blob.js';
import { checkBase } from './check-base.js';
import type { PushContext } from './context.js';
import { baseOption, imageBaseOf, isOfImage, locateImageBase, noBaseIfUnlisted } from './image-base.js';
import { baseInSeries } from './series-base.js';
import { openAncestor, openBase, type ChosenBase } from './open-base.js';

/**
 * Returns the base that the options name, or with `auto` the one that an interrupted push to the destination has recorded, else
 * the best one in the destination's container. The recorded one comes before the newest version of an image too. Throws
 * `base-mismatch` if the named one is none.
 */
export async function chooseBase(push: PushContext, digests: DiskDigests): Promise<ChosenBase> {
  const { destination, options } = push;
  const wanted = baseOption(options);
  if (wanted === undefined) return { base: undefined, isChecked: false };
  const image = imageBaseOf(wanted);
  const recorded = image || wanted === 'auto' ? await baseOfEarlierRun(push, digests) : undefined;
  if (recorded && (!image || isOfImage(recorded.base, image))) return recorded;
  if (image || wanted !== 'auto') {
    const location = image ? await locateImageBase(push, image) : baseLocationOf(wanted, destination.location);
    return openBase(push, digests, location);
  }
  return { base: await findBase(push, digests), isChecked: true };
}

/** Returns the best base in the destination's container, as `auto` looks for it. */
async function findBase(push: PushContext, digests: DiskDigests): Promise<Base | undefined> {
  const { session, destination } = push;
  const blobs = await destination.neighbours().catch(noBaseIfUnlisted(push));
  if (!blobs) return undefined;
  const ancestor = await findAncestor(push, digests, blobs);
  if (ancestor) session.note(`base: ${ancestor.blob.uri}`);
  const base = ancestor ?? (await baseInSeries(push, digests, blobs));
  if (!base)
    session.note(
      push.options.image === undefined
        ? 'no ancestor of this disk is in the container: everything is sent'
        : 'no ancestor of this disk, and no version of its image with enough in common, is in the container: everything is sent',
    );
  return base;
}

/** Returns the base that an interrupted push to the destination found: meanwhile another search could find another one. */
async function baseOfEarlierRun(push: PushContext, digests: DiskDigests): Promise<ChosenBase | undefined> {
  const { disk, destination } = push;
  const record = (await destination.inspect())?.verdict.record;
  if (!record || record.state === 'complete' || record.id !== disk.id) return undefined;
  if (!record.base) return { base: undefined, isChecked: false };
  try {
    const location = baseLocationOf(record.base.uri, destination.location);
    // Anyone may have written the metadata: no credential follows it to another account.
    return location.endpoint === destination.location.endpoint ? await openBase(push, digests, location) : undefined;
  } catch (error) {
    if (!isMismatch(error) && !hasCode(error, 'usage')) throw error;
    push.session.note(`the base of the unfinished push cannot be used again: ${messageOf(error)}`);
    return undefined;
  }
}

/**
 * Returns the nearest ancestor in the destination's container: by the metadata of finished pushes, then by footer. A blob that
 * does not pass the check is skipped with a note. Returns `undefined` if none is left.
 */
async function findAncestor(
  push: PushContext,
  digests: DiskDigests,
  blobs: readonly ListedBlob[],
): Promise<AncestorBase | undefined> {
  const { session, disk } = push;
  const { byId, others } = candidatesOf(push, blobs);
  for (const { id } of disk.layers) {
    for (const name of (id === undefined ? undefined : byId.get(id)) ?? []) {
      const base = await openCandidate(push, name);
      if (base && (await passes(push, digests, base))) return base;
    }
  }
  const found: AncestorBase[] = [];
  await forEachLimited(
    others,
    session.scheduler.newLimit(),
    async (name) => {
      const base = await openCandidate(push, name);
      if (base) found.push(base);
    },
    session.fail,
  );
  for (const base of found.sort((a, b) => a.layer - b.layer || (a.blob.uri < b.blob.uri ? -1 : 1))) {
    if (await passes(push, digests, base)) return base;
  }
  return undefined;
}

/** Names of blobs that may be a base: of finished pushes by the id of their disk, and all others with a fitting size. */
interface Candidates {
  readonly byId: ReadonlyMap<string, readonly string[]>;
  readonly others: readonly string[];
}

function candidatesOf(push: PushContext, blobs: readonly ListedBlob[]): Candidates {
  const { disk, destination, options } = push;
  const byId = new Map<string, string[]>();
  const others: string[] = [];
  const smallest = Math.min(...disk.layers.map(({ size }) => size));
  for (const { name, metadata, size, contentMd5 } of blobs) {
    if (name === destination.location.name) continue;
    const record = parsePushRecord(metadata);
    if (record?.state === 'complete' && record.id !== undefined)
      byId.set(record.id, [...(byId.get(record.id) ?? []), name]);
    else if (!record && size > smallest && (contentMd5 !== undefined || options.baseCheck === 'id')) others.push(name);
  }
  return { byId, others };
}

/** Opens a blob of the destination's container as a base. Returns `undefined` if it is none of this disk's. */
async function openCandidate(push: PushContext, name: string): Promise<AncestorBase | undefined> {
  try {
    return await openAncestor(push, { ...push.destination.location, name });
  } catch (error) {
    // A blob that is being written to, was deleted since the listing, or may not be read is no base, and no failure.
    if (isMismatch(error) || (error instanceof VhdupError && hasStatus(error, 403, 404, 409, 412))) return undefined;
    throw error;
  }
}

/** Returns false, with a note, if a candidate has the id but not the content. */
async function passes({ session, disk }: PushContext, digests: DiskDigests, base: AncestorBase): Promise<boolean> {
  try {
    await checkBase(digests, disk, base);
    return true;
  } catch (error) {
    if (!isMismatch(error)) throw error;
    session.note(`not taken: ${error.message}`);
    return false;
  }
}
