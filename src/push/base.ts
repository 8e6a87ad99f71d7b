import { hasCode, VhdupError } from '../errors.js';
import type { BlobLocation } from '../azure/location.js';
import type { PageBlob } from '../azure/page-blob.js';
import type { BlobProperties } from '../azure/blob-properties.js';
import { isDerivedId } from '../disk/derived-id.js';
import type { Disk } from '../disk/disk.js';
import { FOOTER_LENGTH, parseFixedTail, type FixedTail } from '../protocol/fixed-vhd.js';
import { recordedTree, type BaseCheck } from '../protocol/push-record.js';
import { readFooter } from '../protocol/read-footer.js';
import { findProblem, judgeBlob, refusalOf, type Verdict } from '../protocol/verdict.js';
import type { Session } from '../session/session.js';
import type { BaseCheckMode } from './options.js';
import { call, option } from '../option-names.js';

/** A blob that equals an ancestor by what its footer says. `checkBase` compares its content. */
export interface Base {
  readonly blob: PageBlob;
  readonly properties: BlobProperties;
  readonly verdict: Verdict;
  readonly tail: FixedTail;
  readonly id: string;
  /** Index of the ancestor in the disk's layers; 0 is the disk itself. */
  readonly layer: number;
  /** What has to prove that it is that layer. */
  readonly check: BaseCheck;
}

/** What a base has to be. */
export interface BaseRules {
  readonly check: BaseCheckMode;
  /** Accept only a base that cannot be changed. */
  readonly isSealed: boolean;
}

const COMPLETE_ONLY = 'a base is a page blob with a fixed VHD, completely uploaded';

/**
 * Looks at a blob, reads its footer, and finds the layer of the disk with its id. Throws `base-mismatch` with what is wrong if it
 * cannot be a base of the disk.
 */
export async function openBase(
  session: Session,
  disk: Pick<Disk, 'layers' | 'ancestor'>,
  location: BlobLocation,
  { check, isSealed }: BaseRules,
): Promise<Base> {
  const blob = await session.blob(location);
  const properties = await blob.properties();
  if (!properties)
    throw mismatch(
      blob,
      'there is no such blob',
      `check its name, or push without ${option('base')} to send everything`,
    );
  const verdict = judgeBlob(properties);
  const problem = baseProblem(verdict, properties);
  if (problem !== undefined) throw mismatch(blob, problem, COMPLETE_ONLY);
  if (isSealed && properties.protection === undefined)
    throw mismatch(
      blob,
      'nothing keeps it from changing',
      `seal it with ${call('sealBlob')}, or name a snapshot or a version of it`,
    );
  const tail = parseFixedTail(await readFooter(blob, properties));
  if (typeof tail === 'string') throw mismatch(blob, refusalOf({ kind: 'not-a-vhd', reason: tail }), COMPLETE_ONLY);
  const { id } = tail;
  if (id === undefined)
    throw mismatch(
      blob,
      'its unique id is all zeros, which identifies nothing',
      `push without ${option('base')} to send everything`,
    );
  const layer = disk.layers.findIndex((candidate) => candidate.id === id);
  if (layer < 0 && disk.layers.length === 1)
    throw mismatch(
      blob,
      `its unique id ${id} is not that of the disk, ${disk.layers[0]?.id ?? 'which has none'}; the disk has no parent either: ${disk.layers[0]?.path ?? ''} is not a differencing disk`,
      `a base is the blob of the disk itself or of a parent of it; push without ${option('base')} to send everything`,
    );
  if (layer < 0) {
    const known = disk.layers.map((candidate) => `  ${candidate.id ?? 'no id'}  ${candidate.path}`).join('\n');
    throw mismatch(
      blob,
      `its unique id ${id} is not in the chain:\n${known}`,
      `name the blob of an ancestor of this disk, or push without ${option('base')} to send everything`,
    );
  }
  if (check === 'id' && isDerivedId(id))
    throw mismatch(
      blob,
      `the id ${id} of the local disk was derived from parts of its content, which proves nothing`,
      `run the same command without ${option('baseCheck', 'id')}: the content is compared`,
    );
  const size = disk.ancestor(layer).size;
  const content = properties.size - FOOTER_LENGTH;
  if (content < size || (tail.size !== size && tail.size !== content)) {
    throw mismatch(
      blob,
      `its size does not fit: ${content} bytes and a footer for ${tail.size}; the local ancestor has ${size}`,
      isUnaligned(disk.ancestor(layer), tail)
        ? `it was pushed without ${option('align')}: leave it out here too, or push the ancestor again with it`
        : `push without ${option('base')} to send everything`,
    );
  }
  const hasTree = content === size && recordedTree(verdict.record, properties.contentMd5) !== undefined;
  const found = { blob, properties, verdict, tail, id, layer };
  return { ...found, check: check === 'content' ? (hasTree ? 'tree' : 'md5') : check };
}

/** Returns true if the size of a blob's disk is that of the ancestor before it was rounded up. */
function isUnaligned({ size, layers }: Disk, tail: FixedTail): boolean {
  return tail.size === layers[0]?.size && tail.size < size;
}

/** Returns what keeps a blob from being a base; `undefined` if nothing does. */
function baseProblem(verdict: Verdict, { size }: BlobProperties): string | undefined {
  const other = findProblem(verdict, 'not-a-page-blob');
  if (other) return refusalOf(other);
  if (size < 2 * FOOTER_LENGTH || size % FOOTER_LENGTH !== 0) return `its size of ${size} bytes is not that of a VHD`;
  const unfinished = findProblem(verdict, 'copy-pending', 'unfinished-push', 'unfinished-elsewhere');
  if (!unfinished) return undefined;
  return unfinished.kind === 'unfinished-push' ? 'it is an unfinished push' : refusalOf(unfinished);
}

/** Returns true if the base was itself pushed over a base of which only the id was checked. */
export function isOverUncheckedBase({ verdict: { record } }: Base): boolean {
  return record?.base?.check === 'id';
}

/** Throws `base-mismatch` if the base is no longer what was checked. `when` says when, as in "it changed …". */
export async function requireUnchanged({ blob, properties }: Base, when: string, cause?: unknown): Promise<void> {
  const now = await blob.properties();
  if (now?.etag === properties.etag) return;
  throw new VhdupError('base-mismatch', `the base ${blob.uri}: it ${now ? 'changed' : 'was deleted'} ${when}`, {
    cause,
    hint: `run the command again to check it once more, with ${option('overwrite')} if the copy had begun already`,
  });
}

/** Returns true for the errors of a base that is not what it has to be. */
export function isMismatch(error: unknown): error is VhdupError {
  return hasCode(error, 'base-mismatch');
}

/** Returns the error for a base that is not what it has to be. */
export function mismatch({ uri }: PageBlob, problem: string, hint: string): VhdupError {
  return new VhdupError('base-mismatch', `the base ${uri}: ${problem}`, { hint });
}
