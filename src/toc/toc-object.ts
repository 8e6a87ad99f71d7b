import { createHash } from 'node:crypto';
import { CHUNK_HEAD, OBJECT_ID_BYTES } from './entry.js';
import { FieldReader } from './field-reader.js';

const MAGIC = 'VHDUPTC1';
const PART_MAGIC = 'VHDUPTP1';
/** Magic, three lengths, reserved, id, version. */
const FIXED_BYTES = 56;
const CLOSURE_BYTES = 24;
/** The bytes of a TOC part before its pages. */
export const TOC_PART_HEAD = 48;
/** The most bytes of a head. */
export const MAX_HEAD = 128 * 1024 * 1024;

/** A chunk that a version needs. */
export interface ClosureEntry {
  /** Hexadecimal. */
  readonly chunk: string;
  /** Bytes of it that the version uses. */
  readonly used: number;
  /** Bytes of the whole object. */
  readonly size: number;
}

/** What stands in clear at the beginning of a TOC object. Ids are hexadecimal. */
export interface TocHead {
  readonly id: string;
  /** The uuid of the record that it belongs to. */
  readonly version: string;
  /** The TOC objects that the pages are in; the first is this one. */
  readonly tocs: readonly string[];
  readonly closure: readonly ClosureEntry[];
}

/** Returns the head of a TOC object up to its root, and the hash that the root has to have of it. */
export function encodeTocHead(
  head: TocHead,
  rootLength: number,
): { readonly bytes: Buffer; readonly clearHash: Buffer } {
  const fixed = Buffer.alloc(24);
  fixed.write(MAGIC, 'latin1');
  fixed.writeUInt32LE(rootLength, 8);
  fixed.writeUInt32LE(head.tocs.length, 12);
  fixed.writeUInt32LE(head.closure.length, 16);
  const clear = clearOf(head);
  return { bytes: Buffer.concat([fixed, clear]), clearHash: hashOf(clear) };
}

/** Returns the hash over the ids and the closure of a head. It does not depend on the root. */
export function clearHashOf(head: TocHead): Buffer {
  return hashOf(clearOf(head));
}

/** A parsed head. */
export interface ParsedTocHead extends TocHead {
  readonly rootAt: number;
  readonly rootLength: number;
  readonly clearHash: Buffer;
}

/** Returns how many bytes the head has, with its root unit; at least 24 bytes have to be there. Throws `BadStructure`. */
export function tocHeadLength(bytes: Buffer): number {
  const reader = new FieldReader(bytes, 'TOC');
  reader.magic(MAGIC);
  const root = reader.u32('root length');
  const [tocs, chunks] = [reader.u32('TOC objects'), reader.u32('closure')];
  const length = FIXED_BYTES + tocs * OBJECT_ID_BYTES + chunks * CLOSURE_BYTES + root;
  if (root === 0) throw reader.bad('root length', 'is zero', 8);
  if (length > MAX_HEAD) throw reader.bad('head', `has ${length} bytes`, 8);
  return length;
}

/** Parses the head of a TOC object. Throws `BadStructure`. */
export function parseTocHead(bytes: Buffer): ParsedTocHead {
  const length = tocHeadLength(bytes);
  const reader = new FieldReader(bytes.subarray(0, length), 'TOC', MAGIC.length);
  const rootLength = reader.u32('root length');
  const [tocCount, chunkCount] = [reader.u32('TOC objects'), reader.u32('closure')];
  reader.reserved(4);
  const clearAt = reader.offset;
  const id = reader.bytes('id', OBJECT_ID_BYTES).toString('hex');
  const version = reader.bytes('version', OBJECT_ID_BYTES).toString('hex');
  reader.require('TOC objects', tocCount, OBJECT_ID_BYTES);
  const tocs = Array.from({ length: tocCount }, () => reader.bytes('TOC object', OBJECT_ID_BYTES).toString('hex'));
  if (new Set(tocs).size < tocs.length) throw reader.bad('TOC objects', 'one is there twice', clearAt);
  if (tocs[0] !== id) throw reader.bad('TOC objects', 'do not begin with this one', clearAt);
  reader.require('closure', chunkCount, CLOSURE_BYTES);
  const closure = Array.from({ length: chunkCount }, () => {
    const chunk = reader.bytes('chunk', OBJECT_ID_BYTES).toString('hex');
    const [used, size] = [reader.u32('used'), reader.u32('size')];
    if (size < CHUNK_HEAD) throw reader.bad('size', `${size} is not that of a chunk`);
    if (used > size) throw reader.bad('used', `${used} of ${size} bytes`);
    return { chunk, used, size };
  });
  if (new Set(closure.map(({ chunk }) => chunk)).size < chunkCount)
    throw reader.bad('closure', 'a chunk is there twice', clearAt);
  const rootAt = reader.offset;
  reader.bytes('root', rootLength);
  return { id, version, tocs, closure, rootAt, rootLength, clearHash: hashOf(bytes.subarray(clearAt, rootAt)) };
}

/** Returns what stands before the pages of a TOC part. */
export function encodeTocPartHead(id: string, version: string): Buffer {
  const bytes = Buffer.alloc(16);
  bytes.write(PART_MAGIC, 'latin1');
  return Buffer.concat([bytes, Buffer.from(id, 'hex'), Buffer.from(version, 'hex')]);
}

/** Parses what stands before the pages of a TOC part. Throws `BadStructure`. */
export function parseTocPartHead(bytes: Buffer): { readonly id: string; readonly version: string } {
  const reader = new FieldReader(bytes, 'TOC part');
  reader.magic(PART_MAGIC);
  reader.reserved(8);
  const id = reader.bytes('id', OBJECT_ID_BYTES).toString('hex');
  return { id, version: reader.bytes('version', OBJECT_ID_BYTES).toString('hex') };
}

function clearOf({ id, version, tocs, closure }: TocHead): Buffer {
  const chunks = closure.map(({ chunk, used, size }) => {
    const entry = Buffer.alloc(CLOSURE_BYTES);
    entry.write(chunk, 'hex');
    entry.writeUInt32LE(used, OBJECT_ID_BYTES);
    entry.writeUInt32LE(size, OBJECT_ID_BYTES + 4);
    return entry;
  });
  return Buffer.concat([...[id, version, ...tocs].map((text) => Buffer.from(text, 'hex')), ...chunks]);
}

function hashOf(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest();
}
