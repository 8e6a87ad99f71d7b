import { createHash } from 'node:crypto';
import { MAX_BLOCK } from './entry.js';
import { FieldReader } from './field-reader.js';

const MAGIC = 'VHDUPRT1';
const HEAD_BYTES = 56;
const ROW_BYTES = 72;
const HASH_BYTES = 32;
/** The greatest `pageBits`: pages of streams have up to 2^(pageBits + 3) entries, and 16 bits for their index. */
export const MAX_PAGE_BITS = 13;
/** The most bytes of a page before compression, and of its unit. */
export const MAX_PAGE_BYTES = 64 * 1024 * 1024;

/** How the bytes of a version are cut. */
export interface Cutting {
  /** `fixed`: blocks of 64 KiB; `fastcdc-1`: by content. */
  readonly by: 'fixed' | 'fastcdc-1';
  /** A page has 2^pageBits entries: exactly for `fixed`, on average for the other. */
  readonly pageBits: number;
}

/** A page in the root: where it is, or that it is zero. */
export type PageRow =
  | { readonly kind: 'zero'; readonly start: number; readonly length: number }
  | {
      /** `here`: written by this version, perhaps to a part of its TOC; `reference`: by an older one. */
      readonly kind: 'here' | 'reference';
      /** The first byte of the version that the page covers. */
      readonly start: number;
      readonly length: number;
      /** Index into the list of TOC objects. */
      readonly toc: number;
      /** Of the page's unit: in this TOC from the end of its head, in others from the beginning. */
      readonly at: number;
      readonly size: number;
      /** Bytes of the unit with the sketches, behind the page. */
      readonly sketchSize: number;
      /** Start in this version minus start in the parent. */
      readonly shift: number;
      readonly hash: Buffer;
    };

/** The root of a table of contents. */
export interface Root {
  /** Bytes of the version. */
  readonly bytes: number;
  readonly cutting: Cutting;
  /** SHA-256 of the ids and the closure that stand in clear before the root. */
  readonly clearHash: Buffer;
  readonly pages: readonly PageRow[];
}

const CUTTINGS = ['fixed', 'fastcdc-1'] as const;
const KINDS = ['zero', 'here', 'reference'] as const;

/** Returns a root as bytes (docs/VAULT.md, "Root"). */
export function encodeRoot({ bytes: size, cutting, clearHash, pages }: Root): Buffer {
  const bytes = Buffer.alloc(HEAD_BYTES + pages.length * ROW_BYTES);
  bytes.write(MAGIC, 'latin1');
  bytes.writeBigUInt64LE(BigInt(size), 8);
  bytes.writeUInt8(CUTTINGS.indexOf(cutting.by), 16);
  bytes.writeUInt8(cutting.pageBits, 17);
  bytes.writeUInt32LE(pages.length, 20);
  clearHash.copy(bytes, 24);
  for (const [index, page] of pages.entries()) {
    const at = HEAD_BYTES + index * ROW_BYTES;
    bytes.writeBigUInt64LE(BigInt(page.start), at);
    bytes.writeBigUInt64LE(BigInt(page.length), at + 8);
    if (page.kind === 'zero') continue;
    bytes.writeUInt32LE(page.toc, at + 16);
    bytes.writeUInt32LE(page.at, at + 20);
    bytes.writeUInt32LE(page.size, at + 24);
    bytes.writeUInt8(KINDS.indexOf(page.kind), at + 28);
    bytes.writeUIntLE(page.sketchSize, at + 29, 3);
    bytes.writeBigInt64LE(BigInt(page.shift), at + 32);
    page.hash.copy(bytes, at + 40);
  }
  return bytes;
}

/** Parses a root. Its pages cover all of the version. `tocs`: how many TOC objects there are. Throws `BadStructure`. */
export function parseRoot(bytes: Buffer, tocs: number): Root {
  const reader = new FieldReader(bytes, 'root');
  reader.magic(MAGIC);
  const size = reader.u64('bytes');
  const by = CUTTINGS[reader.u8('cutting')];
  const pageBits = reader.u8('pageBits');
  if (by === undefined) throw reader.bad('cutting', 'is not known', 16);
  if (pageBits === 0 || pageBits > MAX_PAGE_BITS) throw reader.bad('pageBits', `${pageBits} is not allowed`, 17);
  reader.reserved(2);
  const count = reader.u32('pages');
  const clearHash = reader.bytes('clearHash', HASH_BYTES);
  reader.require('pages', count, ROW_BYTES);
  const pageBytes = 2 ** pageBits * MAX_BLOCK;
  let next = 0;
  const pages = Array.from({ length: count }, () => {
    const page = parseRow(reader, tocs);
    if (page.start !== next) throw reader.bad('pages', `one starts at ${page.start}, and not ${next}`);
    if (by === 'fixed' && (page.start % pageBytes !== 0 || (page.kind !== 'zero' && page.length > pageBytes)))
      throw reader.bad('pages', `one of ${page.length} bytes at ${page.start} is not a page of this disk`);
    if (by !== 'fixed' && page.kind !== 'zero' && page.sketchSize !== 0)
      throw reader.bad('sketchSize', 'is not zero, and only disks have sketches');
    next = page.start + page.length;
    return page;
  });
  reader.end();
  if (next !== size) throw reader.bad('pages', `cover ${next} of ${size} bytes`);
  return { bytes: size, cutting: { by, pageBits }, clearHash, pages };
}

function parseRow(reader: FieldReader, tocs: number): PageRow {
  const offset = reader.offset;
  const [start, length] = [reader.u64('start'), reader.u64('length')];
  const [toc, at, size] = [reader.u32('toc'), reader.u32('at'), reader.u32('size')];
  const kind = KINDS[reader.u8('kind')];
  const sketchSize = reader.u24('sketchSize');
  const shift = reader.i64('shift');
  const hash = reader.bytes('hash', HASH_BYTES);
  const bad = (field: string, problem: string) => reader.bad(`page: ${field}`, problem, offset);
  if (kind === undefined) throw bad('kind', 'is not known');
  if (length === 0 || !Number.isSafeInteger(start + length)) throw bad('length', `${length} is not allowed`);
  if (kind === 'zero') {
    if ([toc, at, size, sketchSize, shift].some((value) => value !== 0) || hash.some((byte) => byte !== 0))
      throw bad('reserved', 'is not zero');
    return { kind, start, length };
  }
  if (toc >= tocs || (kind === 'reference' && toc === 0)) throw bad('toc', `${toc} is not allowed`);
  if (size === 0 || size > MAX_PAGE_BYTES) throw bad('size', `${size} is not allowed`);
  if (kind === 'here' && shift !== 0) throw bad('shift', 'is not zero');
  return { kind, start, length, toc, at, size, sketchSize, shift, hash };
}

/** Returns the digest of a version's content, by which two versions are compared: over the hashes of its pages. */
export function contentOf(bytes: number, pages: readonly PageRow[]): Buffer {
  const hash = createHash('sha256').update('vhdup-content-1').update(u64(bytes));
  let zeros = 0;
  const endZeros = (): void => {
    if (zeros > 0) hash.update(u64(zeros)).update(Buffer.alloc(HASH_BYTES));
    zeros = 0;
  };
  for (const page of pages) {
    if (page.kind === 'zero') zeros += page.length;
    else {
      endZeros();
      hash.update(u64(page.length)).update(page.hash);
    }
  }
  endZeros();
  return hash.digest();
}

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}
