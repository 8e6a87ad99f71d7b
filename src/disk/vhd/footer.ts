import type { SourceHandle } from '../file.js';
import type { ImageOptions } from '../image.js';
import { VhdupError } from '../../errors.js';
import { hex, invalid } from './invalid.js';
import {
  DISK_TYPE, FOOTER, FOOTER_LENGTH, FORMAT_VERSION, NO_OFFSET, SECTOR,
  bytesOf, checksum, putUint32, putUint64, text, uint32, uint64, uniqueId,
} from './layout.js';

/** A hard disk footer, parsed ("Hard Disk Footer Format"). */
export interface Footer {
  /** The 512 bytes as they were read. */
  readonly bytes: Uint8Array;
  /** Where the dynamic header is; `undefined` where the field is all ones. */
  readonly dataOffset: bigint | undefined;
  /** Seconds since 2000-01-01 UTC. */
  readonly timeStamp: number;
  readonly creatorApplication: string;
  readonly originalSize: bigint;
  readonly currentSize: bigint;
  readonly geometry: { readonly cylinders: number; readonly heads: number; readonly sectorsPerTrack: number };
  readonly diskType: number;
  readonly uniqueId: string | undefined;
  readonly savedState: boolean;
}

/** Where a footer was found, and what is odd about it. */
export interface FoundFooter {
  readonly footer: Footer;
  /** First byte behind the data: where the footer at the end begins, or the end of a file without one. */
  readonly dataEnd: number;
  readonly warnings: readonly string[];
}

/** What is wrong with 512 bytes as a footer: field, its offset within the footer, problem. */
export interface FooterProblem {
  readonly field: string;
  readonly at: number;
  readonly problem: string;
}

/** Parses 512 bytes, or says why they are no footer. The checksum is compared unless told otherwise. */
export function parseFooter(bytes: Uint8Array, options: ImageOptions = {}): Footer | FooterProblem {
  if (text(bytes, FOOTER.cookie) !== 'conectix') return { field: 'footer cookie', at: 0, problem: 'is not "conectix"' };
  const version = uint32(bytes, FOOTER.fileFormatVersion);
  if (version !== FORMAT_VERSION) {
    return { field: 'footer file format version', at: FOOTER.fileFormatVersion[0], problem: `${hex(version)} is not ${hex(FORMAT_VERSION)}` };
  }
  if (!options.ignoreChecksum && !hasRightChecksum(bytes)) {
    const stored = uint32(bytes, FOOTER.checksum);
    return { field: 'footer checksum', at: FOOTER.checksum[0], problem: `${hex(stored)} is wrong, the bytes sum to ${hex(checksum(bytes, FOOTER.checksum))}` };
  }
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

export function isFooter(parsed: Footer | FooterProblem): parsed is Footer {
  return 'bytes' in parsed;
}

export function hasRightChecksum(footer: Uint8Array): boolean {
  return uint32(footer, FOOTER.checksum) === checksum(footer, FOOTER.checksum);
}

/**
 * Finds the footer of a file: its last 512 bytes; else its last 511 (Virtual PC before 2004 wrote one byte less);
 * else the copy at the head of a sparse disk, which is said as a warning.
 * A copy with a right checksum goes before one without, also when checksums are to be ignored.
 */
export async function findFooter(file: SourceHandle, options: ImageOptions): Promise<FoundFooter> {
  if (file.size < FOOTER_LENGTH) {
    throw new VhdupError('disk-invalid', `${file.path}: ${file.size} bytes are too few for a VHD: its footer alone has ${FOOTER_LENGTH}`);
  }
  const tail = new Uint8Array(FOOTER_LENGTH);
  const head = new Uint8Array(FOOTER_LENGTH);
  await file.read(file.size - FOOTER_LENGTH, tail);
  await file.read(0, head);
  const short = new Uint8Array(FOOTER_LENGTH);
  short.set(tail.subarray(1));

  const places = [
    { bytes: tail, at: file.size - FOOTER_LENGTH, dataEnd: file.size - FOOTER_LENGTH, warning: undefined },
    { bytes: short, at: file.size - FOOTER_LENGTH + 1, dataEnd: file.size - FOOTER_LENGTH + 1, warning: 'the footer has 511 bytes, as old versions of Virtual PC wrote it' },
    { bytes: head, at: 0, dataEnd: file.size, warning: 'the footer at the end is missing or damaged: the copy at the start was used' },
  ];
  for (const ignoreChecksum of options.ignoreChecksum ? [false, true] : [false]) {
    for (const { bytes, dataEnd, warning } of places) {
      const footer = parseFooter(bytes, { ignoreChecksum });
      if (!isFooter(footer) || (bytes === head && footer.diskType === DISK_TYPE.fixed)) continue;
      const warnings = warning === undefined ? [] : [warning];
      if (ignoreChecksum) warnings.push('the footer checksum is wrong and was ignored');
      if (bytes !== head && footer.diskType !== DISK_TYPE.fixed && !Buffer.from(head).equals(bytes)) {
        warnings.push('the footer copy at the start differs from the footer at the end: the one at the end was used');
      }
      return { footer, dataEnd, warnings };
    }
  }
  const [best] = places
    .map(({ bytes, at }) => ({ at, problem: parseFooter(bytes) }))
    .flatMap(({ at, problem }) => (isFooter(problem) ? [] : [{ ...problem, at: at + problem.at }]))
    .sort((a, b) => Number(a.field === 'footer cookie') - Number(b.field === 'footer cookie'));
  if (!best || best.field === 'footer cookie') throw notVhd(file.path, file.size, head);
  throw invalid(file.path, best.at, best.field, best.problem,
    best.field === 'footer checksum' ? 'the file is damaged; --ignore-checksum reads it all the same' : undefined);
}

const OTHER_FORMATS: readonly (readonly [magic: string, name: string])[] = [
  ['vhdxfile', 'VHDX'], ['QFI\xfb', 'QCOW2'], ['KDMV', 'VMDK'], ['# Disk DescriptorFile', 'VMDK'],
];

function notVhd(path: string, size: number, head: Uint8Array): VhdupError {
  const start = Buffer.from(head).toString('latin1');
  const other = OTHER_FORMATS.find(([magic]) => start.startsWith(magic));
  if (other) {
    return new VhdupError('disk-unsupported', `${path}: this is a ${other[1]} image; only VHD is supported`, { hint: 'convert it first: qemu-img convert -O vpc -o force_size=on …' });
  }
  return new VhdupError('disk-invalid', `${path}: footer cookie at offset ${size - FOOTER_LENGTH}: not a VHD, neither the end nor the start of the file holds a footer ("conectix")`);
}

/**
 * The footer that the blob of a sparse disk gets: data offset all ones, type fixed, creator application `77 61 00 00`,
 * checksum recomputed, all else kept. Add-AzVhd writes the same, so Content-MD5 agrees both ways.
 */
export function fixedFooter(footer: Footer): Uint8Array {
  if (footer.diskType === DISK_TYPE.fixed) return footer.bytes;
  const bytes = Uint8Array.from(footer.bytes);
  putUint64(bytes, FOOTER.dataOffset, NO_OFFSET);
  putUint32(bytes, FOOTER.diskType, DISK_TYPE.fixed);
  bytes.set([0x77, 0x61, 0, 0], FOOTER.creatorApplication[0]);
  putUint32(bytes, FOOTER.checksum, checksum(bytes, FOOTER.checksum));
  return bytes;
}

/** The footer of a sparse disk with the identity, sizes, geometry, times and creator of a fixed one: the other way round. */
export function sparseFooter(footer: Uint8Array, { isDifferencing, headerOffset }: { readonly isDifferencing: boolean; readonly headerOffset: number }): Uint8Array {
  const bytes = Uint8Array.from(footer);
  putUint64(bytes, FOOTER.dataOffset, BigInt(headerOffset));
  putUint32(bytes, FOOTER.diskType, isDifferencing ? DISK_TYPE.differencing : DISK_TYPE.dynamic);
  putUint32(bytes, FOOTER.checksum, checksum(bytes, FOOTER.checksum));
  return bytes;
}

/** The time stamp of a footer: seconds since 2000-01-01 UTC. */
export function timeStampOf(footer: Uint8Array): number {
  return uint32(footer, FOOTER.timeStamp);
}

/** Bytes in a cylinder: CHS sizes are whole cylinders, so a right one may be short of the disk by less than this. */
export function cylinderSize({ geometry }: Footer): number {
  return geometry.heads * geometry.sectorsPerTrack * SECTOR;
}

/** The size that the CHS geometry gives, in bytes. Only for a note: the disk's size is its current size. */
export function geometrySize(footer: Footer): number {
  return footer.geometry.cylinders * cylinderSize(footer);
}

/** The creator application for people: printable ASCII only. */
export function creatorName(footer: Footer): string {
  return Buffer.from(bytesOf(footer.bytes, FOOTER.creatorApplication)).toString('latin1').replace(/[^\x21-\x7e]/g, ' ').trim();
}
