import type { ImageOptions } from '../image.js';
import {
  FOOTER,
  FORMAT_VERSION,
  NO_OFFSET,
  SECTOR,
  bytesOf,
  checksum,
  hex,
  text,
  uint32,
  uint64,
  uniqueId,
} from './layout.js';

/** The first eight bytes of a footer. */
export const COOKIE = 'conectix';

/** A hard disk footer, parsed ("Hard Disk Footer Format"). */
export interface Footer {
  /** The 512 bytes as they were read. */
  readonly bytes: Uint8Array;
  /** Offset of the dynamic header in the file; `undefined` if the field is all ones. */
  readonly dataOffset: bigint | undefined;
  /** Seconds since 2000-01-01 UTC. */
  readonly timeStamp: number;
  readonly creatorApplication: string;
  /** Bytes. */
  readonly originalSize: bigint;
  /** Bytes. */
  readonly currentSize: bigint;
  readonly geometry: { readonly cylinders: number; readonly heads: number; readonly sectorsPerTrack: number };
  readonly diskType: number;
  readonly uniqueId: string | undefined;
  readonly savedState: boolean;
}

/** A reason why 512 bytes are not a footer. */
export interface FooterProblem {
  readonly field: string;
  /** Offset of the field within the footer. */
  readonly at: number;
  readonly problem: string;
}

/** Parses 512 bytes; returns the first problem if they are not a footer. Compares the checksum unless `ignoreChecksum` is set. */
export function parseFooter(bytes: Uint8Array, options: ImageOptions = {}): Footer | FooterProblem {
  return footerProblems(bytes, options)[0] ?? fieldsOf(bytes);
}

/** Returns everything that is wrong with 512 bytes as a footer; if the cookie is wrong, nothing else. */
export function footerProblems(bytes: Uint8Array, { ignoreChecksum = false }: ImageOptions): FooterProblem[] {
  if (!hasCookie(bytes)) return [{ field: 'footer cookie', at: 0, problem: `is not "${COOKIE}"` }];
  const problems: FooterProblem[] = [];
  const version = uint32(bytes, FOOTER.fileFormatVersion);
  if (version !== FORMAT_VERSION) {
    problems.push({
      field: 'footer file format version',
      at: FOOTER.fileFormatVersion[0],
      problem: `${hex(version)} is not ${hex(FORMAT_VERSION)}`,
    });
  }
  const stored = uint32(bytes, FOOTER.checksum);
  const right = checksum(bytes, FOOTER.checksum);
  if (!ignoreChecksum && stored !== right) {
    problems.push({
      field: 'footer checksum',
      at: FOOTER.checksum[0],
      problem: `${hex(stored)} is wrong, the bytes sum to ${hex(right)}`,
    });
  }
  return problems;
}

/** Returns true if the bytes begin as a footer does. */
export function hasCookie(bytes: Uint8Array): boolean {
  return text(bytes, FOOTER.cookie) === COOKIE;
}

/** Parses the fields of 512 bytes without checking them. */
export function fieldsOf(bytes: Uint8Array): Footer {
  const dataOffset = uint64(bytes, FOOTER.dataOffset);
  const [geometryAt] = FOOTER.diskGeometry;
  return {
    bytes,
    dataOffset: dataOffset === NO_OFFSET ? undefined : dataOffset,
    timeStamp: uint32(bytes, FOOTER.timeStamp),
    creatorApplication: text(bytes, FOOTER.creatorApplication),
    originalSize: uint64(bytes, FOOTER.originalSize),
    currentSize: uint64(bytes, FOOTER.currentSize),
    geometry: {
      cylinders: uint32(bytes, FOOTER.diskGeometry) >>> 16,
      heads: bytes[geometryAt + 2] ?? 0,
      sectorsPerTrack: bytes[geometryAt + 3] ?? 0,
    },
    diskType: uint32(bytes, FOOTER.diskType),
    uniqueId: uniqueId(bytes, FOOTER.uniqueId),
    savedState: bytes[FOOTER.savedState[0]] === 1,
  };
}

/** Returns true if `parseFooter` found a footer. */
export function isFooter(parsed: Footer | FooterProblem): parsed is Footer {
  return 'bytes' in parsed;
}

/** Returns the time stamp of a footer: seconds since 2000-01-01 UTC. */
export function timeStampOf(footer: Uint8Array): number {
  return uint32(footer, FOOTER.timeStamp);
}

/** Returns the bytes of a cylinder. CHS sizes are whole cylinders, so a correct one may be smaller than the disk by less than this. */
export function cylinderSize({ geometry }: Footer): number {
  return geometry.heads * geometry.sectorsPerTrack * SECTOR;
}

/** Returns the size that the CHS geometry gives, in bytes. It serves only for a warning: the disk's size is its current size. */
export function geometrySize(footer: Footer): number {
  return footer.geometry.cylinders * cylinderSize(footer);
}

/** Returns the creator application for people: printable ASCII only. */
export function creatorName(footer: Footer): string {
  return Buffer.from(bytesOf(footer.bytes, FOOTER.creatorApplication))
    .toString('latin1')
    .replace(/[^\x21-\x7e]/g, ' ')
    .trim();
}
