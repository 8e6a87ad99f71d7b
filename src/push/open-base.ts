import type { BlobLocation } from '../azure/location.js';
import type { DiskDigests } from '../content/disk-digests.js';
import { isDerivedId } from '../disk/derived-id.js';
import { ancestorBase, type AncestorBase, type Base } from './base.js';
import { BaseMismatch, mismatch, openBaseBlob, type BaseBlob } from './base-blob.js';
import { leavesOfBase } from './base-leaves.js';
import { checkBase } from './check-base.js';
import type { PushContext } from './context.js';
import { option } from '../option-names.js';

/** The base of a push, and whether its content was checked already. */
export interface ChosenBase {
  readonly base: Base | undefined;
  readonly isChecked: boolean;
}

/** Opens a blob that equals an ancestor by its id. Throws `base-mismatch` if it does not. */
export async function openAncestor(
  { session, disk, options }: PushContext,
  location: BlobLocation,
): Promise<AncestorBase> {
  const blob = await openBaseBlob(session, location, options.requireSealedBase ?? false);
  const base = ancestorBase(blob, disk, options.baseCheck ?? 'content');
  if (base instanceof BaseMismatch) throw base;
  return base;
}

/**
 * Opens the blob that a push is made over: as an ancestor of the disk if it is one, else to be compared by leaves; `compare` may
 * demand either. An id that was derived from a few bytes of the content makes a blob only a candidate: two builds may share it.
 * Throws `base-mismatch` if it can be neither.
 */
export async function openBase(push: PushContext, digests: DiskDigests, location: BlobLocation): Promise<ChosenBase> {
  const { session, options } = push;
  const { compare = 'auto', baseCheck = 'content' } = options;
  const blob = await openBaseBlob(session, location, options.requireSealedBase ?? false);
  const found = compare === 'leaves' ? undefined : await findAncestor(push, digests, blob);
  if (found && !(found instanceof BaseMismatch)) return found;
  if (found && (compare === 'layers' || baseCheck !== 'content')) {
    const demand = compare === 'layers' ? option('compare', compare) : option('baseCheck', baseCheck);
    throw mismatch(
      blob.blob,
      found.problem,
      `${found.hint ?? ''}; or leave out ${demand}: its leaves are compared then`,
    );
  }
  const leaves = await leavesOfBase(push, blob, found?.problem ?? 'it is to be compared by its leaves');
  return { base: { ...blob, id: blob.tail.id, check: 'leaves', leaves }, isChecked: true };
}

/** Returns the blob as an ancestor, or the error that says why it is none. */
async function findAncestor(
  { disk, options: { compare, baseCheck = 'content' } }: PushContext,
  digests: DiskDigests,
  blob: BaseBlob,
): Promise<ChosenBase | BaseMismatch> {
  const base = ancestorBase(blob, disk, baseCheck);
  if (base instanceof BaseMismatch) return base;
  if (compare === 'layers' || baseCheck !== 'content' || !isDerivedId(base.id)) return { base, isChecked: false };
  try {
    await checkBase(digests, disk, base);
    return { base, isChecked: true };
  } catch (error) {
    if (error instanceof BaseMismatch) return error;
    throw error;
  }
}
