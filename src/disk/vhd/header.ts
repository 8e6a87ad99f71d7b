import type { SourceHandle } from '../file.js';
import type { Findings } from '../findings.js';
import type { ImageOptions } from '../image.js';
import type { FoundFooter } from './find-footer.js';
import {
  FORMAT_VERSION,
  FOOTER,
  FOOTER_LENGTH,
  HEADER,
  HEADER_LENGTH,
  SECTOR,
  bytesOf,
  checksum,
  hex,
  text,
  uint32,
  uint64,
  uniqueId,
} from './layout.js';
import { option } from '../../option-names.js';

/** A dynamic disk header, parsed ("Dynamic Disk Header Format"). */
export interface Header {
  readonly bytes: Uint8Array;
  /** Offset of the header in the file. */
  readonly offset: number;
  /** Offset of the BAT in the file. */
  readonly tableOffset: number;
  /** Number of entries that the BAT has in the file; only those for the current size are used. */
  readonly maxTableEntries: number;
  /** Bytes of data in a block. */
  readonly blockSize: number;
  /** True if the block size is valid, and the BAT is at a valid place. */
  readonly hasTable: boolean;
  readonly parentId: string | undefined;
  /** Seconds since 2000-01-01 UTC. */
  readonly parentTimeStamp: number;
  readonly parentName: string;
}

const MIN_BLOCK = 4096;
const MAX_BLOCK = 256 * 1024 * 1024;

/** Reads and checks the header that the footer points to. Returns `undefined`, and reports an error, if there is none. */
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

/** Checks version and checksum. */
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
    findings.warning(where, 'dynamic header checksum', 'the checksum of the dynamic header is wrong and was ignored', {
      code: 'checksum-ignored',
    });
  else
    findings.error(where, 'dynamic header checksum', `${hex(stored)} is wrong, the bytes sum to ${hex(right)}`, {
      hint: `the file is damaged; ${option('ignoreChecksum')} reads it all the same`,
    });
}

/** Checks the block size, the number of blocks, and the place of their table. */
function checkTable(bytes: Uint8Array, at: number, { footer, dataEnd }: FoundFooter, findings: Findings): void {
  const refuse = (field: 'blockSize' | 'maxTableEntries' | 'tableOffset', name: string, problem: string) => {
    findings.error(at + HEADER[field][0], `dynamic header ${name}`, problem);
  };
  const blockSize = uint32(bytes, HEADER.blockSize);
  const isValid = blockSize >= MIN_BLOCK && blockSize <= MAX_BLOCK && (blockSize & (blockSize - 1)) === 0;
  if (!isValid)
    refuse('blockSize', 'block size', `${blockSize} is not a power of two between ${MIN_BLOCK} and ${MAX_BLOCK}`);
  const maxTableEntries = uint32(bytes, HEADER.maxTableEntries);
  if (isValid && BigInt(maxTableEntries) * BigInt(blockSize) < footer.currentSize) {
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

/** Decodes the parent's file name: UTF-16, big-endian, ended by a NUL or by the end of the field. */
function unicodeName(field: Uint8Array): string {
  const name = Buffer.from(field).swap16().toString('utf16le');
  const end = name.indexOf('\0');
  return end < 0 ? name : name.slice(0, end);
}
