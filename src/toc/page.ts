import { createHash } from 'node:crypto';
import {
  ENTRY_BYTES,
  ID_BYTES,
  MAX_PARTS,
  OBJECT_ID_BYTES,
  encodeEntry,
  parseEntry,
  type Part,
  type TocEntry,
} from './entry.js';
import { FieldReader } from './field-reader.js';
import { PART_BYTES, encodePart, parsePart } from './part.js';

/** A stretch of the table of contents. */
export interface Page {
  /** Bytes that it covers. */
  readonly covered: number;
  /** In ascending order. */
  readonly entries: readonly TocEntry[];
}

/** The most ids of chunks: entries have 16 bits for an index. */
export const MAX_CHUNK_IDS = 65_536;
/** The most entries of a page: sketches have 16 bits for an index. */
export const MAX_PAGE_ENTRIES = 65_536;
/** The most entries and parts of a chunk's table. */
export const MAX_TABLE_ENTRIES = 32_768;
export const MAX_TABLE_PARTS = 65_536;
/** Magic, counts, bytes covered. */
const HEAD_BYTES = 32;
/** The most bytes of a chunk's table. */
export const MAX_TABLE_BYTES =
  HEAD_BYTES + MAX_CHUNK_IDS * OBJECT_ID_BYTES + MAX_TABLE_ENTRIES * ENTRY_BYTES + MAX_TABLE_PARTS * PART_BYTES;

const PAGE = {
  name: 'page',
  magic: 'VHDUPPG1',
  maxEntries: MAX_PAGE_ENTRIES,
  maxParts: MAX_PAGE_ENTRIES * MAX_PARTS,
};
const TABLE = { name: 'table', magic: 'VHDUPTB1', maxEntries: MAX_TABLE_ENTRIES, maxParts: MAX_TABLE_PARTS };

/** Returns a page as bytes. Its entries cover all of it, and start at 0. */
export function encodePage(page: Page): Buffer {
  return encode(PAGE.magic, page);
}

/** Parses a page. Throws `BadStructure`. */
export function parsePage(bytes: Buffer): Page {
  const page = parse(bytes, PAGE);
  let next = 0;
  for (const { start, length, kind } of page.entries) {
    if (start !== next)
      throw new FieldReader(bytes, PAGE.name).bad('entries', `one starts at ${start}, and not ${next}`);
    if (kind === 'parent') throw new FieldReader(bytes, PAGE.name).bad('entries', 'one is a run of the parent');
    next = start + length;
  }
  if (next !== page.covered)
    throw new FieldReader(bytes, PAGE.name).bad('covered', `is ${page.covered}, and the entries cover ${next}`);
  return page;
}

/** Returns the table of a chunk as bytes: starts are those in the version. `covered`: the end of the last entry. */
export function encodeTable(table: Page): Buffer {
  return encode(TABLE.magic, table);
}

/** Parses the table of a chunk. Throws `BadStructure`. */
export function parseTable(bytes: Buffer): Page {
  const table = parse(bytes, TABLE);
  let next = 0;
  for (const { start, length } of table.entries) {
    if (start < next) throw new FieldReader(bytes, TABLE.name).bad('entries', `one starts at ${start}, before ${next}`);
    next = start + length;
  }
  if (next !== table.covered)
    throw new FieldReader(bytes, TABLE.name).bad('covered', `is ${table.covered}, and the entries end at ${next}`);
  return table;
}

/** Returns the hash of entries: what is there, not where. Equal hashes mean equal bytes. Zero runs count as they are cut. */
export function hashOfEntries(entries: readonly TocEntry[]): Buffer {
  const hash = createHash('sha256');
  const length = Buffer.alloc(4);
  const none = Buffer.alloc(ID_BYTES);
  for (const entry of entries) {
    length.writeUInt32LE(entry.length);
    hash.update(length).update(entry.kind === 'zero' || entry.kind === 'parent' ? none : entry.id);
  }
  return hash.digest();
}

function encode(magic: string, { covered, entries }: Page): Buffer {
  const indexes = new Map<string, number>();
  const indexOf = (chunk: string): number => {
    const index = indexes.get(chunk) ?? indexes.size;
    indexes.set(chunk, index);
    return index;
  };
  const parts: Part[] = [];
  const encodedEntries = entries.map((entry) => {
    const bytes = encodeEntry(entry, indexOf, parts.length);
    if (entry.kind === 'recipe') parts.push(...entry.parts);
    return bytes;
  });
  const encodedParts = parts.map((part) => encodePart(part, indexOf));
  if (indexes.size > MAX_CHUNK_IDS) throw new RangeError(`a page refers to ${indexes.size} chunks`);
  const head = Buffer.alloc(HEAD_BYTES);
  head.write(magic, 'latin1');
  head.writeUInt32LE(entries.length, 8);
  head.writeUInt32LE(parts.length, 12);
  head.writeUInt32LE(indexes.size, 16);
  head.writeBigUInt64LE(BigInt(covered), 24);
  const chunks = [...indexes.keys()].map((id) => Buffer.from(id, 'hex'));
  return Buffer.concat([head, ...chunks, ...encodedEntries, ...encodedParts]);
}

function parse(bytes: Buffer, { name, magic, maxEntries, maxParts }: typeof PAGE): Page {
  const head = new FieldReader(bytes, name);
  head.magic(magic);
  const [entryCount, partCount, chunkCount] = [head.u32('entries'), head.u32('parts'), head.u32('chunks')];
  if (entryCount > maxEntries) throw head.bad('entries', `${entryCount} are too many`, 8);
  if (partCount > maxParts) throw head.bad('parts', `${partCount} are too many`, 12);
  if (chunkCount > MAX_CHUNK_IDS) throw head.bad('chunks', `${chunkCount} are too many`, 16);
  head.reserved(4);
  const covered = head.u64('covered');
  head.require('chunks', chunkCount, OBJECT_ID_BYTES);
  const chunks = Array.from({ length: chunkCount }, () => head.bytes('chunk', OBJECT_ID_BYTES).toString('hex'));
  head.require('entries', entryCount, ENTRY_BYTES);
  const entriesAt = head.offset;
  const partReader = new FieldReader(bytes, name, entriesAt + entryCount * ENTRY_BYTES);
  partReader.require('parts', partCount, PART_BYTES);
  const parts = Array.from({ length: partCount }, () => parsePart(partReader, chunks));
  partReader.end();
  let nextPart = 0;
  const entries = Array.from({ length: entryCount }, () => {
    const entry = parseEntry(head, { chunks, parts }, nextPart);
    if (entry.kind === 'recipe') nextPart += entry.parts.length;
    return entry;
  });
  if (nextPart !== partCount) throw head.bad('parts', `${partCount - nextPart} belong to no entry`);
  return { covered, entries };
}
