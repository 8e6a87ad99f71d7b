/**
 * The structures of [MS-VHDX], the VHDX file format, as it prints them: name, offset and width in bytes. All integers are
 * little-endian.
 */
import crc from 'crc-32/crc32c.js';
import { uuidText } from '../../bytes/uuid-text.js';
import { bytesOf, type Field } from '../little-endian.js';

export { bytesOf, hex, text, uint16, uint32, uint64, type Field } from '../little-endian.js';

/** Regions, blocks and the log are aligned to this. */
export const MIB = 1024 * 1024;
const KIB = 1024;

/** "Header Section" (2.2): the first MiB. Offsets in the file. */
export const SECTION = {
  identifier: 0,
  headers: [64 * KIB, 128 * KIB],
  regionTables: [192 * KIB, 256 * KIB],
  length: MIB,
} as const;

/** "File Type Identifier" (2.2.1) */
export const IDENTIFIER = { signature: [0, 8], creator: [8, 512] } as const satisfies Record<string, Field>;
/** Bytes of the fields of the file type identifier. */
export const IDENTIFIER_LENGTH = 520;
/** Signature of the file type identifier. */
export const SIGNATURE = 'vhdxfile';

/** "Headers" (2.2.2) */
export const HEADER = {
  signature: [0, 4],
  checksum: [4, 4],
  sequenceNumber: [8, 8],
  fileWriteGuid: [16, 16],
  dataWriteGuid: [32, 16],
  logGuid: [48, 16],
  logVersion: [64, 2],
  version: [66, 2],
  logLength: [68, 4],
  logOffset: [72, 8],
} as const satisfies Record<string, Field>;
/** Bytes of a header. */
export const HEADER_LENGTH = 4096;

/** "Region Table Header" (2.2.3.1) */
export const REGION_TABLE = { signature: [0, 4], checksum: [4, 4], entryCount: [8, 4] } as const satisfies Record<
  string,
  Field
>;
/** Bytes of a region table. */
export const REGION_TABLE_LENGTH = 64 * KIB;
/** Bytes of the header of a region table; its entries follow. */
export const REGION_TABLE_HEADER_LENGTH = 16;
/** "Region Table Entry" (2.2.3.2) */
export const REGION_ENTRY = {
  guid: [0, 16],
  fileOffset: [16, 8],
  length: [24, 4],
  required: [28, 4],
} as const satisfies Record<string, Field>;
/** Bytes of an entry of a region table, and of a metadata table. */
export const ENTRY_LENGTH = 32;
/** The most entries of a region table, and of a metadata table. */
export const MAX_ENTRIES = 2047;
/** The known regions (2.2.3.2). */
export const REGION = {
  bat: '2dc27766-f623-4200-9d64-115e9bfd4a08',
  metadata: '8b7ca206-4790-4b9a-b8fe-575f050f886e',
} as const;

/** "Log Entry Header" (2.3.1.1) */
export const LOG_ENTRY = {
  signature: [0, 4],
  checksum: [4, 4],
  entryLength: [8, 4],
  tail: [12, 4],
  sequenceNumber: [16, 8],
  descriptorCount: [24, 4],
  logGuid: [32, 16],
  flushedFileOffset: [48, 8],
  lastFileOffset: [56, 8],
} as const satisfies Record<string, Field>;
/** Bytes of the header of a log entry; its descriptors follow. */
export const LOG_ENTRY_HEADER_LENGTH = 64;
/** "Zero Descriptor" and "Data Descriptor" (2.3.1.2, 2.3.1.3) */
export const DESCRIPTOR = {
  signature: [0, 4],
  trailingBytes: [4, 4],
  leadingBytes: [8, 8],
  zeroLength: [8, 8],
  fileOffset: [16, 8],
  sequenceNumber: [24, 8],
} as const satisfies Record<string, Field>;
/** Bytes of a descriptor. */
export const DESCRIPTOR_LENGTH = 32;
/** "Data Sector" (2.3.1.4) */
export const DATA_SECTOR = {
  signature: [0, 4],
  sequenceHigh: [4, 4],
  data: [8, 4084],
  sequenceLow: [4092, 4],
} as const satisfies Record<string, Field>;
/** Entries of the log are aligned to this, in bytes. */
export const LOG_SECTOR = 4096;

/** "BAT Entry" (2.5.1): bits 0 to 2 are the state, bits 20 to 63 the offset in MiB. */
export const BAT_ENTRY_LENGTH = 8;
/** "Payload Block States" (2.5.1.1) and "Sector Bitmap Block States" (2.5.1.2) */
export const STATE = {
  notPresent: 0,
  undefined: 1,
  zero: 2,
  unmapped: 3,
  /** Of version 0.95 of the specification. */
  oldUnmapped: 5,
  fullyPresent: 6,
  partiallyPresent: 7,
} as const;
/** Sectors that one sector bitmap block describes (2.4): a chunk. */
export const SECTORS_PER_CHUNK = 2 ** 23;

/** "Metadata Table Header" (2.6.1.1) */
export const METADATA_TABLE = { signature: [0, 8], entryCount: [10, 2] } as const satisfies Record<string, Field>;
/** Bytes of the metadata table; the items are behind it. */
export const METADATA_TABLE_LENGTH = 64 * KIB;
/** Bytes of the header of the metadata table. */
export const METADATA_TABLE_HEADER_LENGTH = 32;
/** "Metadata Table Entry" (2.6.1.2) */
export const METADATA_ENTRY = {
  itemId: [0, 16],
  offset: [16, 4],
  length: [20, 4],
  flags: [24, 4],
} as const satisfies Record<string, Field>;
/** Flags of an entry of the metadata table. */
export const METADATA_FLAG = { isUser: 1, isRequired: 4 } as const;
/** The most user items. */
export const MAX_USER_ITEMS = 1024;
/** The known metadata items (2.6.2): id and least length in bytes. */
export const ITEM = {
  'file parameters': ['caa16737-fa36-4d43-b3b6-33f0aa44e76b', 8],
  'virtual disk size': ['2fa54224-cd1b-4876-b211-5dbed83bf4b8', 8],
  'virtual disk id': ['beca12ab-b2e6-4523-93ef-c309e000c746', 16],
  'logical sector size': ['8141bf1d-a96f-4709-ba47-f233a8faab5f', 4],
  'physical sector size': ['cda348c7-445d-4471-9cc9-e9885251c556', 4],
  'parent locator': ['a8d35f2d-b30b-454d-abf7-d3d84834ab0c', 20],
} as const satisfies Record<string, readonly [guid: string, length: number]>;
/** "File Parameters" (2.6.2.1) */
export const FILE_PARAMETERS = { blockSize: [0, 4], flags: [4, 4] } as const satisfies Record<string, Field>;
/** Flags of the file parameters. */
export const FILE_FLAG = { leaveBlocksAllocated: 1, hasParent: 2 } as const;

/** "Parent Locator Header" (2.6.2.6.1) */
export const LOCATOR = { type: [0, 16], keyValueCount: [18, 2] } as const satisfies Record<string, Field>;
/** Bytes of the header of a parent locator. */
export const LOCATOR_HEADER_LENGTH = 20;
/** The only locator type (2.6.2.6.3). */
export const LOCATOR_TYPE = 'b04aefb7-d19e-4a81-b789-25b8e9445913';
/** "Parent Locator Entry" (2.6.2.6.2) */
export const LOCATOR_ENTRY = {
  keyOffset: [0, 4],
  valueOffset: [4, 4],
  keyLength: [8, 2],
  valueLength: [10, 2],
} as const satisfies Record<string, Field>;
/** Bytes of an entry of a parent locator. */
export const LOCATOR_ENTRY_LENGTH = 12;

/** The GUID that means "none". */
const NO_GUID = '00000000-0000-0000-0000-000000000000';

/** Returns a GUID as it is, or `undefined` for the one that means "none". */
export function unlessNone(id: string | undefined): string | undefined {
  return id === NO_GUID ? undefined : id;
}

/** Reads a GUID as text, in lower case: its first three fields are little-endian, so the text has another order than the bytes. */
export function guid(structure: Uint8Array, field: Field): string {
  const bytes = Buffer.from(bytesOf(structure, field));
  bytes.subarray(0, 4).reverse();
  bytes.subarray(4, 6).reverse();
  bytes.subarray(6, 8).reverse();
  return uuidText(bytes.toString('hex'));
}

/** Returns the CRC-32C of a structure, with its 4 bytes from 4, the checksum itself, as zeros. */
export function checksum(structure: Uint8Array): number {
  const start = crc.buf(structure.subarray(0, 4));
  return crc.buf(structure.subarray(8), crc.buf(new Uint8Array(4), start)) >>> 0;
}

/** Returns the CRC-32C of bytes that follow others. `before`: the result for those; 0 if there are none. */
export function addToChecksum(before: number, bytes: Uint8Array): number {
  return crc.buf(bytes, before) >>> 0;
}
