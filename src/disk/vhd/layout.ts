/**
 * The structures of the Virtual Hard Disk Image Format Specification 1.0, as it prints them:
 * name, offset and width in bytes. All integers are big-endian.
 */

import { uuidText } from '../../bytes/uuid-text.js';
import { bytesOf, type Field } from '../big-endian.js';

export { SECTOR } from '../../bytes/sector.js';
export { bytesOf, hex, putUint32, putUint64, text, uint32, uint64, type Field } from '../big-endian.js';
/** Bytes of a footer. */
export const FOOTER_LENGTH = 512;
/** Bytes of a dynamic header. */
export const HEADER_LENGTH = 1024;

/** "Hard Disk Footer Format" */
export const FOOTER = {
  cookie: [0, 8],
  features: [8, 4],
  fileFormatVersion: [12, 4],
  dataOffset: [16, 8],
  timeStamp: [24, 4],
  creatorApplication: [28, 4],
  creatorVersion: [32, 4],
  creatorHostOs: [36, 4],
  originalSize: [40, 8],
  currentSize: [48, 8],
  diskGeometry: [56, 4],
  diskType: [60, 4],
  checksum: [64, 4],
  uniqueId: [68, 16],
  savedState: [84, 1],
} as const satisfies Record<string, Field>;

/** "Dynamic Disk Header Format" */
export const HEADER = {
  cookie: [0, 8],
  dataOffset: [8, 8],
  tableOffset: [16, 8],
  headerVersion: [24, 4],
  maxTableEntries: [28, 4],
  blockSize: [32, 4],
  checksum: [36, 4],
  parentUniqueId: [40, 16],
  parentTimeStamp: [56, 4],
  parentUnicodeName: [64, 512],
  parentLocatorEntries: [576, 192],
} as const satisfies Record<string, Field>;

/** "Parent Locator Entries": eight of them, 24 bytes each. */
export const LOCATOR = {
  platformCode: [0, 4],
  platformDataSpace: [4, 4],
  platformDataLength: [8, 4],
  platformDataOffset: [16, 8],
} as const satisfies Record<string, Field>;

/** Bytes of a parent locator entry. */
export const LOCATOR_LENGTH = 24;
/** Version 1.0 of footer and header. */
export const FORMAT_VERSION = 0x00010000;
/** The disk types of a footer. */
export const DISK_TYPE = { fixed: 2, dynamic: 3, differencing: 4 } as const;
/** Data offset of a fixed disk. */
export const NO_OFFSET = 0xffff_ffff_ffff_ffffn;
/** The largest sparse disk, in bytes: 2^32 sectors less what the format needs for itself. */
export const MAX_SPARSE_SIZE = 2040 * 1024 ** 3;
/** The BAT entry of a block that the file does not hold. */
export const NOT_ALLOCATED = 0xffff_ffff;

/** Returns a unique id as 32 hexadecimal digits with hyphens, in the order of the bytes; `undefined` if all of them are zero. */
export function uniqueId(structure: Uint8Array, field: Field): string | undefined {
  const hex = Buffer.from(bytesOf(structure, field)).toString('hex');
  return /^0+$/.test(hex) ? undefined : uuidText(hex);
}

/** Returns the checksum of a footer or header: one's complement of the sum of its bytes, with its own field as zero. */
export function checksum(structure: Uint8Array, [offset, width]: Field): number {
  let sum = 0;
  for (let index = 0; index < structure.length; index++) {
    if (index < offset || index >= offset + width) sum += structure[index] ?? 0;
  }
  return ~sum >>> 0;
}
