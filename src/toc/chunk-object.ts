import { crc32 } from 'node:zlib';
import { CHUNK_HEAD, OBJECT_ID_BYTES, placesOf } from './entry.js';
import { FieldReader } from './field-reader.js';
import { MAX_TABLE_BYTES, MAX_TABLE_ENTRIES, parseTable, type Page } from './page.js';

const MAGIC = 'VHDUPCH1';
const CRC_AT = 68;
/** The most that compression and encryption add to a table. */
const TABLE_SLACK = 48;
const ALIGNMENT = 16;

/** What stands at the beginning of a chunk. Ids and uuids are hexadecimal. */
export interface ChunkHead {
  readonly id: string;
  readonly version: string;
  /** Of the parent version; `undefined` for a baseline. */
  readonly parent: string | undefined;
  /** Entries of the table. */
  readonly entries: number;
  /** The offset of the first unit. */
  readonly unitsAt: number;
  /** Bytes of the table's unit, which follows the head. */
  readonly tableLength: number;
}

/** Returns the offset of the first unit of a chunk whose table has `rawTable` bytes before it is compressed. */
export function unitsOffset(rawTable: number): number {
  return Math.ceil((CHUNK_HEAD + rawTable + TABLE_SLACK) / ALIGNMENT) * ALIGNMENT;
}

/** Returns what stands before the units of a chunk: the head, the table's unit, and zeros up to the first unit. */
export function encodeChunkHead(head: Omit<ChunkHead, 'tableLength'>, table: Uint8Array): Buffer {
  if (CHUNK_HEAD + table.length > head.unitsAt) throw new RangeError('the table of a chunk reaches into its units');
  const bytes = Buffer.alloc(head.unitsAt);
  bytes.write(MAGIC, 'latin1');
  bytes.writeUInt32LE(head.unitsAt, 8);
  bytes.writeUInt32LE(head.entries, 12);
  bytes.write(head.id, 16, 'hex');
  bytes.write(head.version, 32, 'hex');
  if (head.parent !== undefined) bytes.write(head.parent, 48, 'hex');
  bytes.writeUInt32LE(table.length, 64);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, CRC_AT)), CRC_AT);
  bytes.set(table, CHUNK_HEAD);
  return bytes;
}

/** Parses the first 72 bytes of a chunk. Throws `BadStructure`. */
export function parseChunkHead(bytes: Buffer): ChunkHead {
  const reader = new FieldReader(bytes, 'chunk');
  reader.magic(MAGIC);
  const unitsAt = reader.u32('first unit');
  const entries = reader.u32('entries');
  const [id, version] = [reader.bytes('id', OBJECT_ID_BYTES), reader.bytes('version', OBJECT_ID_BYTES)];
  const parent = reader.bytes('parent', OBJECT_ID_BYTES);
  const tableLength = reader.u32('table length');
  if (reader.u32('CRC') !== crc32(bytes.subarray(0, CRC_AT))) throw reader.bad('CRC', 'differs', CRC_AT);
  if (entries > MAX_TABLE_ENTRIES) throw reader.bad('entries', `${entries} are too many`, 12);
  if (unitsAt > unitsOffset(MAX_TABLE_BYTES)) throw reader.bad('first unit', `${unitsAt} is too large`, 8);
  if (tableLength === 0) throw reader.bad('table length', 'is zero', 64);
  if (unitsAt % ALIGNMENT !== 0 || CHUNK_HEAD + tableLength > unitsAt)
    throw reader.bad('first unit', `${unitsAt} is not behind the table`, 8);
  return {
    id: id.toString('hex'),
    version: version.toString('hex'),
    parent: parent.every((byte) => byte === 0) ? undefined : parent.toString('hex'),
    entries,
    unitsAt,
    tableLength,
  };
}

/** Parses the table of a chunk with this head: its unit, decoded. Throws `BadStructure`. */
export function parseChunkTable(head: ChunkHead, plain: Buffer): Page {
  const reader = new FieldReader(plain, 'chunk');
  if (head.unitsAt !== unitsOffset(plain.length))
    throw reader.bad('first unit', `${head.unitsAt} does not fit a table of ${plain.length} bytes`);
  const table = parseTable(plain);
  if (table.entries.length !== head.entries)
    throw reader.bad('entries', `are ${table.entries.length}, and the head says ${head.entries}`);
  for (const { chunk, at } of table.entries.flatMap(placesOf))
    if (chunk === head.id && at < head.unitsAt) throw reader.bad('at', `${at} is before the first unit`);
  return table;
}
