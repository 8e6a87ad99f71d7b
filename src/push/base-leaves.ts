import { hasCode, VhdupError } from '../errors.js';
import type { LeafSource } from '../content/digest-computation.js';
import { DiskDigests } from '../content/disk-digests.js';
import { hasDigest } from '../content/layer-records.js';
import { SourceGuard } from '../content/source-guard.js';
import type { Disk } from '../disk/disk.js';
import { FOOTER_LENGTH, FixedStream } from '../protocol/fixed-vhd.js';
import { LeafList, UnusableLeafList, damageOf, leafListOf, leafListProblem } from '../protocol/leaf-list.js';
import { isOverUncheckedBase, recordedTree } from '../protocol/push-record.js';
import { readLeaves } from '../protocol/read-leaves.js';
import { findProblem } from '../protocol/verdict.js';
import { call, option } from '../option-names.js';
import { mismatch, type BaseBlob } from './base-blob.js';
import type { PushContext } from './context.js';

/** What the leaves of a base are looked for with. */
export type LeavesContext = Pick<PushContext, 'session' | 'options' | 'cache'>;

/**
 * Returns the leaves of a blob, from the first of these that has them and proves them: this machine's cache, the list beside the
 * blob, the local disk that `baseDisk` names, and with `readBase` the blob itself. `why`: why the blob is compared by leaves, as a
 * part of the message. Throws `base-mismatch` if none has them.
 */
export async function leavesOfBase(context: LeavesContext, base: BaseBlob, why: string): Promise<LeafSource> {
  const { session, options } = context;
  const cached = await leavesInCache(context, base);
  if (cached) return cached;
  const list = await leavesInList(context, base);
  // If something else may be read instead, damage has to be found now.
  const hasOther = options.baseDisk !== undefined || options.readBase === true;
  const problem = typeof list === 'string' ? list : hasOther ? await damageOf(list) : undefined;
  if (typeof list !== 'string' && problem === undefined) return list;
  if (options.baseDisk) return leavesOfDisk(context, base, options.baseDisk);
  if (options.readBase) return leavesOfBlob(context, base);
  const { blob } = base;
  throw mismatch(
    blob,
    `${why}; and its leaves are not known: ${leafListOf(session, blob).uri}: ${problem ?? ''}`,
    `${call('makeLeafList')} makes the list; or read the base with ${option('readBase')}, name its local disk with ${option('baseDisk')}, or push without ${option('base')} to send everything`,
  );
}

/** Returns the tree digest of the content of a blob; `undefined` if none is known, or if it is only that of a local disk. */
function provedTree({ properties, verdict }: BaseBlob): Buffer | undefined {
  if (findProblem(verdict, 'written-since') || (verdict.record && isOverUncheckedBase(verdict.record)))
    return undefined;
  return recordedTree(verdict.record, properties.contentMd5);
}

async function leavesInCache({ session, cache }: LeavesContext, base: BaseBlob): Promise<LeafSource | undefined> {
  const tree = provedTree(base);
  const file = tree && (await cache?.findLeaves(tree));
  if (!tree || !file) return undefined;
  session.defer(() => file.close());
  const size = base.properties.size - FOOTER_LENGTH;
  return (await hasDigest(file.runs(), size, tree)) ? { size, runs: () => file.runs() } : undefined;
}

/** Returns the list of leaves beside a blob, or a text with the reason if it does not hold for the blob. */
export async function leavesInList({ session, options }: LeavesContext, base: BaseBlob): Promise<LeafList | string> {
  const { blob, properties, verdict } = base;
  try {
    const list = await LeafList.open(leafListOf(session, blob));
    if (!list) return 'there is no such list';
    const problem = leafListProblem(list, blob, properties, verdict);
    if (problem !== undefined) return problem;
    if (provedTree(base)?.equals(list.header.tree) === true) return list;
    // Only the ETag says that it is of this blob, so it is as good as its author.
    if (options.requireSealedBase === true)
      return 'the blob has no tree digest that proves it, and the list itself is not sealed';
    session.warn({
      code: 'base-leaves-unproved',
      message: `${blob.uri} has no tree digest: nothing but its ETag proves its list of leaves`,
      hint: `if others may write to the container, compare it by ${option('readBase')} or ${option('baseDisk')}`,
    });
    return list;
  } catch (error) {
    if (error instanceof UnusableLeafList) return error.problem;
    if (hasCode(error, 'not-authorised')) return 'it may not be read';
    throw error;
  }
}

/** Returns the leaves of a local disk, if its content is that of the base: by the tree digest, else by Content-MD5. */
async function leavesOfDisk({ session, cache }: LeavesContext, base: BaseBlob, source: Disk): Promise<LeafSource> {
  const { blob, properties, tail } = base;
  const guard = await SourceGuard.begin(source, { hint: 'stop what writes to it, then run the same command' });
  const { disk } = guard;
  const path = disk.layers[0]?.path ?? '';
  const size = properties.size - FOOTER_LENGTH;
  const tree = provedTree(base);
  const { contentMd5 } = properties;
  const hint = `name the disk that the base was made from, read the base with ${option('readBase')}, or push without ${option('base')} to send everything`;
  if (disk.size > size) throw mismatch(blob, `${path} has ${disk.size} bytes, and the base only ${size}`, hint);
  const isByTree = tree !== undefined && disk.size === size;
  const isUnchecked = findProblem(base.verdict, 'written-since') !== undefined || isKnownByIdOnly(base);
  if (!isByTree && (isUnchecked || !contentMd5))
    throw mismatch(blob, `nothing proves that its content is that of ${path}`, `read it with ${option('readBase')}`);
  const stream = new FixedStream(disk, { footer: tail.footer, padding: size - disk.size });
  const digests = await guard.repeatUntilUntouched(() =>
    new DiskDigests(session, disk, cache).of(0, { tree: true, md5: isByTree ? undefined : stream }, 'check-base'),
  );
  const isEqual = isByTree
    ? digests.tree?.equals(tree)
    : digests.md5 !== undefined && contentMd5?.equals(digests.md5) === true;
  if (!isEqual || !digests.leaves) throw mismatch(blob, `its content is not that of ${path}`, hint);
  const { leaves } = digests;
  return { size, runs: () => leaves.runs() };
}

function isKnownByIdOnly({ verdict: { record } }: BaseBlob): boolean {
  return record !== undefined && isOverUncheckedBase(record);
}

async function leavesOfBlob({ session }: LeavesContext, { blob, properties }: BaseBlob): Promise<LeafSource> {
  try {
    const { leaves } = await readLeaves(session, blob, properties);
    if (leaves) return leaves;
  } catch (error) {
    if (!hasCode(error, 'source-changed')) throw error;
    throw mismatch(blob, 'it was changed while it was read', 'run the same command again');
  }
  throw new VhdupError('unexpected', `${blob.uri}: its leaves were not kept`);
}
