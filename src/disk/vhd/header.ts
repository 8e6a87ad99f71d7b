import { basename } from 'node:path';
import type { SourceHandle } from '../file.js';
import type { Findings } from '../findings.js';
import type { ImageOptions } from '../image.js';
import type { FoundFooter } from './footer.js';
import {
  FORMAT_VERSION,
  FOOTER,
  FOOTER_LENGTH,
  HEADER,
  HEADER_LENGTH,
  LOCATOR,
  LOCATOR_LENGTH,
  NO_OFFSET,
  SECTOR,
  bytesOf,
  checksum,
  hex,
  putUint32,
  putUint64,
  text,
  uint32,
  uint64,
  uniqueId,
} from './layout.js';
import { makeLocators, type ParentLink } from './locator.js';

/** A dynamic disk header, parsed ("Dynamic Disk Header Format"). */
export interface Header {
  readonly bytes: Uint8Array;
  /** Where the header is in the file. */
  readonly offset: number;
  readonly tableOffset: number;
  /** Entries of the BAT in the file; only those for the current size are used. */
  readonly maxTableEntries: number;
  /** Bytes of data in a block. */
  readonly blockSize: number;
  /** The BAT is where one can be, and the block size makes sense. */
  readonly hasTable: boolean;
  readonly parentId: string | undefined;
  /** Seconds since 2000-01-01 UTC. */
  readonly parentTimeStamp: number;
  readonly parentName: string;
}

const MIN_BLOCK = 4096;
const MAX_BLOCK = 256 * 1024 * 1024;

/** Reads and checks the header that the footer points to; `undefined`, with an error, where there is none. */
export async function readHeader(
  file: SourceHandle,
  found: FoundFooter,
  options: ImageOptions,
  findings: Findings,
): Promise<Header | undefined> {
  const { footer, dataEnd } = found;
  const offset = footer.dataOffset;
  if (offset === undefined || offset < BigInt(FOOTER_LENGTH) || offset + BigInt(HEADER_LENGTH) > BigInt(dataEnd)) {
    findings.error(
      found.at + FOOTER.dataOffset[0],
      'footer data offset',
      `${offset === undefined ? 'all ones' : offset.toString()} leaves no room for the dynamic header within the file`,
    );
    return undefined;
  }
  const at = Number(offset);
  const bytes = new Uint8Array(HEADER_LENGTH);
  await file.read(at, bytes);
  if (text(bytes, HEADER.cookie) !== 'cxsparse') {
    findings.error(at, 'dynamic header cookie', 'is not "cxsparse"');
    return undefined;
  }
  checkSelf(bytes, at, options, findings);
  const errorsBefore = findings.problems.length;
  checkTable(bytes, at, found, findings);
  return {
    bytes,
    offset: at,
    tableOffset: Number(uint64(bytes, HEADER.tableOffset)),
    maxTableEntries: uint32(bytes, HEADER.maxTableEntries),
    blockSize: uint32(bytes, HEADER.blockSize),
    hasTable: findings.problems.length === errorsBefore,
    parentId: uniqueId(bytes, HEADER.parentUniqueId),
    parentTimeStamp: uint32(bytes, HEADER.parentTimeStamp),
    parentName: unicodeName(bytesOf(bytes, HEADER.parentUnicodeName)),
  };
}

/** Version and checksum. */
function checkSelf(bytes: Uint8Array, at: number, options: ImageOptions, findings: Findings): void {
  const version = uint32(bytes, HEADER.headerVersion);
  if (version !== FORMAT_VERSION)
    findings.error(
      at + HEADER.headerVersion[0],
      'dynamic header version',
      `${hex(version)} is not ${hex(FORMAT_VERSION)}`,
    );
  const stored = uint32(bytes, HEADER.checksum);
  const right = checksum(bytes, HEADER.checksum);
  if (stored === right) return;
  const where = at + HEADER.checksum[0];
  if (options.ignoreChecksum)
    findings.warning(where, 'dynamic header checksum', 'the checksum of the dynamic header is wrong and was ignored');
  else
    findings.error(where, 'dynamic header checksum', `${hex(stored)} is wrong, the bytes sum to ${hex(right)}`, {
      hint: 'the file is damaged; --ignore-checksum reads it all the same',
    });
}

/** Block size, number of blocks, and where their table is. */
function checkTable(bytes: Uint8Array, at: number, { footer, dataEnd }: FoundFooter, findings: Findings): void {
  const refuse = (field: 'blockSize' | 'maxTableEntries' | 'tableOffset', name: string, problem: string) => {
    findings.error(at + HEADER[field][0], `dynamic header ${name}`, problem);
  };
  const blockSize = uint32(bytes, HEADER.blockSize);
  const sane = blockSize >= MIN_BLOCK && blockSize <= MAX_BLOCK && (blockSize & (blockSize - 1)) === 0;
  if (!sane)
    refuse('blockSize', 'block size', `${blockSize} is not a power of two between ${MIN_BLOCK} and ${MAX_BLOCK}`);
  const maxTableEntries = uint32(bytes, HEADER.maxTableEntries);
  if (sane && BigInt(maxTableEntries) * BigInt(blockSize) < footer.currentSize) {
    refuse(
      'maxTableEntries',
      'max table entries',
      `${maxTableEntries} blocks of ${blockSize} bytes are less than the current size, ${footer.currentSize} bytes`,
    );
  }
  const tableOffset = uint64(bytes, HEADER.tableOffset);
  const tableEnd = tableOffset + BigInt(maxTableEntries) * 4n;
  if (tableOffset < BigInt(FOOTER_LENGTH) || tableEnd > BigInt(dataEnd)) {
    refuse(
      'tableOffset',
      'table offset',
      `a BAT of ${maxTableEntries} entries at ${tableOffset} is not within the file's data, ${FOOTER_LENGTH} to ${dataEnd}`,
    );
  }
  if (tableOffset % BigInt(SECTOR) !== 0n)
    refuse('tableOffset', 'table offset', `${tableOffset} is not a multiple of ${SECTOR}`);
  if (tableOffset < BigInt(at + HEADER_LENGTH) && tableEnd > BigInt(at)) {
    refuse('tableOffset', 'table offset', `the BAT at ${tableOffset} overlaps the dynamic header at ${at}`);
  }
}

/** The parent's file name: UTF-16, big-endian, ended by a NUL or the field. */
function unicodeName(field: Uint8Array): string {
  const name = Buffer.from(field).swap16().toString('utf16le');
  const end = name.indexOf('\0');
  return end < 0 ? name : name.slice(0, end);
}

/** What a new header says. */
export interface HeaderSpec {
  readonly tableOffset: number;
  readonly maxTableEntries: number;
  readonly blockSize: number;
  readonly parent: ParentLink | undefined;
}

/** Makes a header; the data of the parent's locators is to follow it, each in whole sectors. */
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
    // In bytes, against the letter of the specification: so Windows writes it.
    putUint32(entry, LOCATOR.platformDataSpace, space);
    putUint32(entry, LOCATOR.platformDataLength, data.length);
    putUint64(entry, LOCATOR.platformDataOffset, BigInt(at));
    at += space;
  }
}
