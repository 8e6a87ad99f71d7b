import type { FieldReader } from './field-reader.js';

/** Bytes of an entry. */
export const ENTRY_BYTES = 64;
/** The most bytes of a block or piece. */
export const MAX_BLOCK = 65_536;
/** The most bytes of a block's unit: codec, bytes that are not smaller compressed, and what encryption adds. */
export const MAX_UNIT = MAX_BLOCK + 1 + 40;
/** Bytes of a chunk before its table, the CRC included: no unit begins before them. */
export const CHUNK_HEAD = 72;
/** The most bytes of a run of zeros. */
export const MAX_ZERO_RUN = 2 ** 32 - MAX_BLOCK;
/** The most parts of a recipe. */
export const MAX_PARTS = 16;
/** Bytes of the id of a block. */
export const ID_BYTES = 32;
/** Bytes of the id of a chunk or another object. */
export const OBJECT_ID_BYTES = 16;

/** Where a unit is: the hexadecimal id of its chunk, and its offset and length there in bytes. */
export interface UnitPlace {
  readonly chunk: string;
  readonly at: number;
  readonly size: number;
}

/** A part of a recipe: bytes of a decoded unit, or zeros. */
export type Part =
  | { readonly kind: 'zeros'; readonly length: number }
  | {
      readonly kind: 'unit';
      readonly length: number;
      readonly place: UnitPlace;
      /** Where the bytes begin in the decoded unit. */
      readonly skip: number;
      /** True if the unit was written by the version that wrote the recipe. */
      readonly isOwn: boolean;
    };

/** Where the bytes of a unit were found when the version was compared. */
export type Origin = 'unknown' | 'parent' | 'self' | 'like';

interface Covered {
  /** The first byte: in a page from its beginning, in the table of a chunk from that of the version. */
  readonly start: number;
  /** Bytes that the entry covers. */
  readonly length: number;
}

/** A range of bytes, and where it comes from (docs/VAULT.md, "Entry"). */
export type TocEntry =
  | (Covered & { readonly kind: 'zero' })
  | (Covered & {
      /** `stored`: by the version that wrote the page; `reference`: in an older chunk. */
      readonly kind: 'stored' | 'reference';
      readonly place: UnitPlace;
      readonly origin: Origin;
      /** Start in this version minus start in the parent at which these bytes were found; 0 for `stored`. */
      readonly shift: number;
      /** SHA-256 of the bytes; of a disk's block filled up with zeros. */
      readonly id: Buffer;
    })
  | (Covered & { readonly kind: 'recipe'; readonly parts: readonly Part[]; readonly id: Buffer })
  /** A run of the parent; only in tables of chunks. */
  | (Covered & { readonly kind: 'parent'; readonly shift: number });

const KINDS = ['zero', 'stored', 'reference', 'recipe', 'parent'] as const;
const ORIGINS = ['unknown', 'parent', 'self', 'like'] as const;
const RECIPE = 3;

/** The lists of a page that its entries point into. */
export interface PageLists {
  readonly chunks: readonly string[];
  readonly parts: readonly Part[];
}

/** Returns an entry as bytes. `indexOf` gives the index of a chunk's id; `firstPart` is that of a recipe's first part. */
export function encodeEntry(entry: TocEntry, indexOf: (chunk: string) => number, firstPart: number): Buffer {
  const bytes = Buffer.alloc(ENTRY_BYTES);
  bytes.writeBigUInt64LE(BigInt(entry.start), 0);
  bytes.writeUInt32LE(entry.length, 8);
  bytes.writeUInt8(KINDS.indexOf(entry.kind), 12);
  if (entry.kind === 'stored' || entry.kind === 'reference') {
    bytes.writeUInt8(ORIGINS.indexOf(entry.origin), 13);
    bytes.writeUInt16LE(indexOf(entry.place.chunk), 14);
    bytes.writeUInt32LE(entry.place.at, 16);
    bytes.writeUInt32LE(entry.place.size, 20);
  }
  if (entry.kind === 'recipe') {
    bytes.writeUInt8(entry.parts.length, 13);
    bytes.writeUInt32LE(firstPart, 16);
  }
  if (entry.kind === 'reference' || entry.kind === 'parent') bytes.writeBigInt64LE(BigInt(entry.shift), 24);
  if (entry.kind !== 'zero' && entry.kind !== 'parent') entry.id.copy(bytes, 32);
  return bytes;
}

/** Returns what is wrong with the place of a unit, and in which field. */
export function placeProblem(at: number, size: number): readonly [field: string, problem: string] | undefined {
  if (size === 0 || size > MAX_UNIT) return ['size', `${size} is not allowed`];
  if (at < CHUNK_HEAD || at + size >= 2 ** 32) return ['at', `${at} is not within a chunk`];
  return undefined;
}

/** Reads an entry. `nextPart`: the index of the first part that no recipe has yet; the parts of recipes follow each other. */
export function parseEntry(reader: FieldReader, { chunks, parts }: PageLists, nextPart: number): TocEntry {
  const at = reader.offset;
  const covered = { start: reader.u64('start'), length: reader.u32('length') };
  const kind = reader.u8('kind');
  const detail = reader.u8('parts or origin');
  const chunk = reader.u16('chunk');
  const first = reader.u32('at');
  const size = reader.u32('size');
  const shift = reader.i64('shift');
  const id = reader.bytes('id', ID_BYTES);
  const name = KINDS[kind];
  const isUnit = name === 'stored' || name === 'reference';
  const bad = (field: string, problem: string) => reader.bad(`entry: ${field}`, problem, at);
  if (name === undefined) throw bad('kind', `${kind} is not known`);
  if (covered.length === 0) throw bad('length', 'is zero');
  if (covered.length > (isUnit || name === 'recipe' ? MAX_BLOCK : MAX_ZERO_RUN))
    throw bad('length', `${covered.length} is too large`);
  if (!Number.isSafeInteger(covered.start + covered.length)) throw bad('start', `${covered.start} is too large`);
  if (shift !== 0 && name !== 'reference' && name !== 'parent') throw bad('shift', 'is not zero');
  if (!isUnit && (chunk !== 0 || size !== 0)) throw bad('chunk', 'is not zero');
  if (isUnit) {
    const chunkId = chunks[chunk];
    const origin = ORIGINS[detail];
    if (chunkId === undefined) throw bad('chunk', `there is no chunk ${chunk}`);
    if (origin === undefined) throw bad('origin', `${detail} is not known`);
    if (origin === (name === 'stored' ? 'parent' : 'self') || (name === 'stored' && origin === 'like'))
      throw bad('origin', `${detail} does not fit the kind`);
    if (shift !== 0 && origin !== 'parent') throw bad('shift', 'is not zero');
    const problem = placeProblem(first, size);
    if (problem) throw bad(...problem);
    return { ...covered, kind: name, place: { chunk: chunkId, at: first, size }, origin, shift, id };
  }
  if (kind === RECIPE) {
    if (first !== nextPart || detail === 0 || detail > MAX_PARTS || first + detail > parts.length)
      throw bad('parts', `${detail} from ${first}: they are ${nextPart} to ${parts.length}`);
    const own = parts.slice(first, first + detail);
    if (own.reduce((sum, { length }) => sum + length, 0) !== covered.length)
      throw bad('parts', 'have other bytes than the entry in all');
    return { ...covered, kind: 'recipe', parts: own, id };
  }
  if (detail !== 0 || first !== 0 || id.some((byte) => byte !== 0)) throw bad('reserved', 'is not zero');
  return name === 'parent' ? { ...covered, kind: 'parent', shift } : { ...covered, kind: 'zero' };
}

/** Returns the places of the units that an entry is made of. */
export function placesOf(entry: TocEntry): readonly UnitPlace[] {
  if (entry.kind === 'stored' || entry.kind === 'reference') return [entry.place];
  return entry.kind === 'recipe' ? entry.parts.flatMap((part) => (part.kind === 'unit' ? [part.place] : [])) : [];
}
