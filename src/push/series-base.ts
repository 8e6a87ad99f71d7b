import type { ListedBlob } from '../azure/container.js';
import type { DiskDigests } from '../content/disk-digests.js';
import { SketchBuilder, shareInCommon } from '../digest/leaf-sketch.js';
import { seriesIn, type ImageVersion } from '../protocol/image-series.js';
import { damageOf, type LeafList } from '../protocol/leaf-list.js';
import type { LeavesBase } from './base.js';
import { isMismatch, openBaseBlob } from './base-blob.js';
import { leavesInList } from './base-leaves.js';
import type { PushContext } from './context.js';
import { ownLeaves } from './plan-and-identity.js';

/** The newest versions that are looked at. */
const MAX_VERSIONS = 5;
/** The least part of the disk that a version must have in common with it. */
const MIN_SHARE = 0.1;

/**
 * Returns the version of the disk's image that has the most leaves in common with the disk, among the newest five with a list of
 * leaves; only the headers of the lists are read. Returns `undefined` if none has a tenth. `blobs`: those of the container.
 */
export async function baseInSeries(
  push: PushContext,
  digests: DiskDigests,
  blobs: readonly ListedBlob[],
): Promise<LeavesBase | undefined> {
  const { session, destination, options } = push;
  const { image, compare, baseCheck = 'content', requireSealedBase } = options;
  if (image === undefined || compare === 'layers' || baseCheck !== 'content') return undefined;
  const versions = seriesIn(blobs, image)
    .filter(
      ({ name, protection }) => name !== destination.location.name && (!requireSealedBase || protection !== undefined),
    )
    .slice(0, MAX_VERSIONS);
  const candidates: { version: ImageVersion; base: LeavesBase; list: LeafList }[] = [];
  for (const version of versions) {
    const found = await openVersion(push, version);
    if (found) candidates.push({ version, ...found });
  }
  if (candidates.length === 0) return undefined;
  const own = new SketchBuilder();
  const { leaves } = await ownLeaves(push, digests);
  for await (const run of leaves.runs()) own.add(run);
  let best: { share: number; base: LeavesBase } | undefined;
  for (const { version, base, list } of candidates) {
    const share = shareInCommon(own.sketch(), list.header.sketch);
    session.note(`${titleOf(version)}: ${Math.round(share * 100)} % in common`);
    if (share < MIN_SHARE || share <= (best?.share ?? 0)) continue;
    const damage = await damageOf(list);
    if (damage === undefined) best = { share, base };
    else session.note(`not taken: ${base.blob.uri}: its list of leaves: ${damage}`);
  }
  if (best) session.note(`base: ${best.base.blob.uri} (${Math.round(best.share * 100)} % in common)`);
  return best?.base;
}

/** Opens a version with its list of leaves. Returns `undefined` if it has none that holds, or is no base any longer. */
async function openVersion(
  push: PushContext,
  { name }: ImageVersion,
): Promise<{ base: LeavesBase; list: LeafList } | undefined> {
  const { session, destination, options } = push;
  try {
    const blob = await openBaseBlob(session, { ...destination.location, name }, options.requireSealedBase ?? false);
    const list = await leavesInList(push, blob);
    if (typeof list === 'string') {
      session.note(`not taken: ${blob.blob.uri}: its list of leaves: ${list}`);
      return undefined;
    }
    return { base: { ...blob, id: blob.tail.id, check: 'leaves', leaves: list }, list };
  } catch (error) {
    if (isMismatch(error)) return undefined;
    throw error;
  }
}

function titleOf({ version, name }: ImageVersion): string {
  return version === undefined ? name : /^\d/.test(version) ? `v${version}` : version;
}
