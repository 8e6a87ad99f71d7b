import { basename } from 'node:path';
import {
  FOOTER_LENGTH,
  FORMAT_VERSION,
  HEADER,
  HEADER_LENGTH,
  LOCATOR,
  LOCATOR_LENGTH,
  NO_OFFSET,
  SECTOR,
  bytesOf,
  checksum,
  putUint32,
  putUint64,
} from './layout.js';
import { makeLocators, type ParentLink } from './parent-link.js';

/** The content of a new header. */
export interface HeaderSpec {
  readonly tableOffset: number;
  readonly maxTableEntries: number;
  readonly blockSize: number;
  readonly parent: ParentLink | undefined;
}

/** Makes a header. The data of the parent's locators has to follow it, each in whole sectors. */
export function makeHeader({ tableOffset, maxTableEntries, blockSize, parent }: HeaderSpec): Uint8Array {
  const bytes = new Uint8Array(HEADER_LENGTH);
  bytes.set(Buffer.from('cxsparse', 'latin1'), HEADER.cookie[0]);
  putUint64(bytes, HEADER.dataOffset, NO_OFFSET);
  putUint64(bytes, HEADER.tableOffset, BigInt(tableOffset));
  putUint32(bytes, HEADER.headerVersion, FORMAT_VERSION);
  putUint32(bytes, HEADER.maxTableEntries, maxTableEntries);
  putUint32(bytes, HEADER.blockSize, blockSize);
  if (parent) putParent(bytes, parent);
  putUint32(bytes, HEADER.checksum, checksum(bytes, HEADER.checksum));
  return bytes;
}

function putParent(bytes: Uint8Array, parent: ParentLink): void {
  bytes.set(Buffer.from(parent.id.replaceAll('-', ''), 'hex'), HEADER.parentUniqueId[0]);
  putUint32(bytes, HEADER.parentTimeStamp, parent.timeStamp);
  const [nameAt, nameLength] = HEADER.parentUnicodeName;
  bytes.set(
    Buffer.from(basename(parent.path), 'utf16le')
      .swap16()
      .subarray(0, nameLength - 2),
    nameAt,
  );
  let at = FOOTER_LENGTH + HEADER_LENGTH;
  for (const [index, { code, data }] of makeLocators(parent).entries()) {
    const entry = bytesOf(bytes, HEADER.parentLocatorEntries).subarray(
      index * LOCATOR_LENGTH,
      (index + 1) * LOCATOR_LENGTH,
    );
    const space = Math.ceil(data.length / SECTOR) * SECTOR;
    entry.set(Buffer.from(code, 'latin1'), LOCATOR.platformCode[0]);
    // In bytes, as Windows writes it; the specification says sectors.
    putUint32(entry, LOCATOR.platformDataSpace, space);
    putUint32(entry, LOCATOR.platformDataLength, data.length);
    putUint64(entry, LOCATOR.platformDataOffset, BigInt(at));
    at += space;
  }
}
