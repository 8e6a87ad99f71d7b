import { VhdupError } from '../errors.js';
import type { BlobHead, BlockBlob } from '../azure/block-blob.js';
import type { BlobProperties } from '../azure/blob-properties.js';
import type { PageBlob } from '../azure/page-blob.js';
import { hasStatus } from '../azure/service-error.js';
import type { LeafSource } from '../content/digest-computation.js';
import { headerLength, parseHeader, type LeafListHeader, type SectionEntry } from '../digest/leaf-list.js';
import { decodeSection } from '../digest/leaf-section.js';
import { isZeroValue, type LeafRun } from '../digest/tree.js';
import { call } from '../option-names.js';
import type { Session } from '../session/session.js';
import { FOOTER_LENGTH } from './fixed-vhd.js';
import { isOverUncheckedBase, recordedTree } from './push-record.js';
import { findProblem, type Verdict } from './verdict.js';

/** What follows the name of a blob in that of its list of leaves. */
const SUFFIX = '.vhdup-leaves';
/** Bytes that are fetched first: the header of most lists, and all of a small one. */
const HEAD_BYTES = 64 * 1024;
/** The most bytes of sections that are fetched at once, and that are kept for a second reading. */
const MAX_FETCH = 16 * 1024 * 1024;

/** A list of leaves cannot be used. Other sources of the leaves may still be tried. */
export class UnusableLeafList extends VhdupError {
  /** What is wrong with it, to be put after its URI. */
  readonly problem: string;

  constructor(list: BlockBlob, problem: string, cause?: unknown) {
    super('base-mismatch', `${list.uri}: ${problem}`, {
      cause,
      hint: `${call('makeLeafList')} makes the list again`,
      retryable: false,
    });
    this.problem = problem;
  }
}

/** Returns the blob that has, or would have, the list of leaves of a blob. */
export function leafListOf(session: Session, blob: PageBlob): BlockBlob {
  return session.blockBlob(blob, blob.location.name + SUFFIX);
}

/** The list of leaves of a blob (docs/LEAVES.md). Each section is checked against the tree when it is read. */
export class LeafList implements LeafSource {
  readonly header: LeafListHeader;
  readonly #blob: BlockBlob;
  readonly #head: BlobHead;
  readonly #kept = new Map<number, Buffer>();

  private constructor(blob: BlockBlob, head: BlobHead, header: LeafListHeader) {
    this.#blob = blob;
    this.#head = head;
    this.header = header;
  }

  /** Reads the header of a list. Returns `undefined` if there is no list. Throws `UnusableLeafList` if it is damaged. */
  static async open(blob: BlockBlob): Promise<LeafList | undefined> {
    const head = await blob.head(HEAD_BYTES);
    if (!head) return undefined;
    try {
      const length = headerLength(head.bytes);
      const bytes =
        length <= head.bytes.length
          ? head.bytes
          : await blob.read({ offset: 0, length: Math.min(length, head.size) }, { ifMatch: head.etag });
      return new LeafList(blob, head, parseHeader(bytes, head.size));
    } catch (error) {
      throw unusable(blob, error);
    }
  }

  get size(): number {
    return this.header.size;
  }

  /** Bytes of the whole list. */
  get storedBytes(): number {
    return this.#head.size;
  }

  async *runs(): AsyncGenerator<LeafRun> {
    for (const group of groupsOf(this.header.sections)) {
      const bytes = await this.#read(group);
      for (const { index, entry } of group.sections) {
        const at = entry.offset - group.offset;
        yield* this.#decode(index, entry, bytes.subarray(at, at + entry.length));
      }
    }
  }

  #decode(index: number, { value, plainLength }: SectionEntry, bytes: Buffer): readonly LeafRun[] {
    try {
      return decodeSection(index, { value, bytes, plainLength }, this.size).runs;
    } catch (error) {
      throw unusable(this.#blob, error);
    }
  }

  async #read({ offset, length }: SectionGroup): Promise<Buffer> {
    const { bytes, size, etag } = this.#head;
    if (offset + length <= bytes.length) return bytes.subarray(offset, offset + length);
    const kept = this.#kept.get(offset);
    if (kept) return kept;
    try {
      const read = await this.#blob.read({ offset, length }, { ifMatch: etag });
      if (size <= MAX_FETCH) this.#kept.set(offset, read);
      return read;
    } catch (error) {
      throw unusable(this.#blob, error);
    }
  }
}

/**
 * Returns why a list does not hold for a blob as it was seen; `undefined` if it does. It holds if it has the tree digest that the
 * push of the blob has recorded. Of a blob without one, and of one whose content nobody has compared, it holds if it was read from
 * the blob, and the blob was not changed since.
 */
export function leafListProblem(
  { header }: LeafList,
  { location: { name } }: PageBlob,
  { etag, size, contentMd5 }: Pick<BlobProperties, 'etag' | 'size' | 'contentMd5'>,
  verdict: Verdict,
): string | undefined {
  if (header.size !== size - FOOTER_LENGTH) return 'it is the list of a disk of another size';
  const isWritten = findProblem(verdict, 'written-since') !== undefined;
  const isUnchecked = verdict.record !== undefined && isOverUncheckedBase(verdict.record);
  const tree = recordedTree(verdict.record, contentMd5);
  const isOfBlob = header.etag !== undefined && header.etag === etag.replaceAll('"', '') && header.name === name;
  // Anyone may write an ETag into a list: it never stands against a digest that is known of the blob.
  if (isOfBlob && (isWritten || isUnchecked || !tree || tree.equals(header.tree))) return undefined;
  if (isWritten) return 'the blob was written to after it was completed';
  if (!tree)
    return header.etag === undefined
      ? 'it is of a push, and the blob has no tree digest to compare it with'
      : 'the blob was changed since the list was made';
  if (!tree.equals(header.tree)) return 'its tree digest is not that of the blob: it is the list of another disk';
  return isUnchecked
    ? 'the blob was pushed over a base of which only the id was compared, so it is known only of a local disk'
    : undefined;
}

interface SectionGroup {
  readonly offset: number;
  readonly length: number;
  readonly sections: readonly { readonly index: number; readonly entry: SectionEntry }[];
}

/** Yields the sections that hold leaves, in order; neighbours in the list are fetched together. */
function* groupsOf(entries: readonly SectionEntry[]): Generator<SectionGroup> {
  let group: { offset: number; length: number; sections: { index: number; entry: SectionEntry }[] } | undefined;
  for (const [index, entry] of entries.entries()) {
    if (entry.length === 0 && isZeroValue(entry.value)) continue;
    if (group && entry.offset === group.offset + group.length && group.length + entry.length <= MAX_FETCH) {
      group.length += entry.length;
      group.sections.push({ index, entry });
      continue;
    }
    if (group) yield group;
    group = { offset: entry.offset, length: entry.length, sections: [{ index, entry }] };
  }
  if (group) yield group;
}

/** Reads all of a list. Returns what is wrong with it; `undefined` if nothing is. Throws what says nothing about the list. */
export async function damageOf(list: LeafList): Promise<string | undefined> {
  try {
    const runs = list.runs();
    while ((await runs.next()).done !== true);
    return undefined;
  } catch (error) {
    if (error instanceof UnusableLeafList) return error.problem;
    throw error;
  }
}

/** Returns the error to throw: other failures than that of a damaged or replaced list stay as they are. */
function unusable(blob: BlockBlob, error: unknown): unknown {
  if (error instanceof RangeError || isInflateError(error)) return new UnusableLeafList(blob, error.message, error);
  if (hasStatus(error, 404, 412, 416))
    return new UnusableLeafList(blob, 'it was replaced or deleted while it was read', error);
  return error;
}

function isInflateError(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('Z_');
}
