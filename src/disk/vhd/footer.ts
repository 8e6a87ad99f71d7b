import type { SourceHandle } from '../file.js';
import type { ImageOptions } from '../image.js';
import type { Findings } from '../findings.js';
import {
  DISK_TYPE,
  FOOTER,
  FOOTER_LENGTH,
  FORMAT_VERSION,
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

/** Where a footer was found. */
export interface FoundFooter {
  readonly footer: Footer;
  /** Its first byte in the file. */
  readonly at: number;
  /** First byte behind the data: where the footer at the end begins, or the end of a file without one. */
  readonly dataEnd: number;
}

const COOKIE = 'conectix';
const DAMAGED = 'the file is damaged; --ignore-checksum reads it all the same';

/** What is wrong with 512 bytes as a footer: field, its offset within the footer, problem. */
export interface FooterProblem {
  readonly field: string;
  readonly at: number;
  readonly problem: string;
}

/** Parses 512 bytes, or says why they are no footer. The checksum is compared unless told otherwise. */
export function parseFooter(bytes: Uint8Array, options: ImageOptions = {}): Footer | FooterProblem {
  return footerProblems(bytes, options)[0] ?? fieldsOf(bytes);
}

/** All that is wrong with 512 bytes as a footer, but nothing more where already the cookie is. */
function footerProblems(bytes: Uint8Array, { ignoreChecksum = false }: ImageOptions): FooterProblem[] {
  if (text(bytes, FOOTER.cookie) !== COOKIE) return [{ field: 'footer cookie', at: 0, problem: `is not "${COOKIE}"` }];
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

function fieldsOf(bytes: Uint8Array): Footer {
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

/** A place where a file may have its footer. */
interface Place {
  readonly bytes: Uint8Array;
  readonly at: number;
  readonly dataEnd: number;
  /** What is odd about a file whose footer is here. */
  readonly oddity: string | undefined;
}

/**
 * Finds the footer of a file: its last 512 bytes; else its last 511 (Virtual PC before 2004 wrote one byte less);
 * else the copy at the head of a sparse disk, which is said as a warning.
 * A copy with a right checksum goes before one without, also when checksums are to be ignored.
 * Where none is right, a damaged one is returned after the errors, so that other checks can go on.
 */
export async function findFooter(
  file: SourceHandle,
  options: ImageOptions,
  findings: Findings,
): Promise<FoundFooter | undefined> {
  if (file.size < FOOTER_LENGTH) {
    findings.error(
      undefined,
      undefined,
      `${file.size} bytes are too few for a VHD: its footer alone has ${FOOTER_LENGTH}`,
    );
    return undefined;
  }
  const tail = new Uint8Array(FOOTER_LENGTH);
  const head = new Uint8Array(FOOTER_LENGTH);
  const tailAt = file.size - FOOTER_LENGTH;
  await file.read(tailAt, tail);
  await file.read(0, head);
  const short = new Uint8Array(FOOTER_LENGTH);
  short.set(tail.subarray(1));

  const places: readonly Place[] = [
    { bytes: tail, at: tailAt, dataEnd: tailAt, oddity: undefined },
    {
      bytes: short,
      at: tailAt + 1,
      dataEnd: tailAt + 1,
      oddity: 'the footer has 511 bytes, as old versions of Virtual PC wrote it',
    },
    {
      bytes: head,
      at: 0,
      dataEnd: file.size,
      oddity: 'the footer at the end is missing or damaged: the copy at the start was used',
    },
  ];
  for (const ignoreChecksum of options.ignoreChecksum ? [false, true] : [false]) {
    for (const { bytes, at, dataEnd, oddity } of places) {
      const footer = parseFooter(bytes, { ignoreChecksum });
      if (!isFooter(footer) || (bytes === head && footer.diskType === DISK_TYPE.fixed)) continue;
      if (oddity !== undefined) findings.warning(tailAt, 'footer', oddity);
      if (ignoreChecksum)
        findings.warning(at + FOOTER.checksum[0], 'footer checksum', 'the footer checksum is wrong and was ignored');
      if (bytes !== head && footer.diskType !== DISK_TYPE.fixed) checkCopy(head, bytes, findings);
      return { footer, at, dataEnd };
    }
  }
  return damagedFooter(file.size, places, head, findings);
}

/** Reports what is wrong with each footer that can be told for one, and returns the first of them. */
function damagedFooter(
  size: number,
  places: readonly Place[],
  head: Uint8Array,
  findings: Findings,
): FoundFooter | undefined {
  const damaged = places.filter(
    ({ bytes }) => text(bytes, FOOTER.cookie) === COOKIE && footerProblems(bytes, {}).length > 0,
  );
  for (const { bytes, at } of damaged) {
    for (const { field, at: within, problem } of footerProblems(bytes, {})) {
      findings.error(at + within, field, problem, field === 'footer checksum' ? { hint: DAMAGED } : {});
    }
  }
  const [best] = damaged;
  if (best) return { footer: fieldsOf(best.bytes), at: best.at, dataEnd: best.dataEnd };
  notVhd(size, head, findings);
  return undefined;
}

/** The copy that a sparse disk has at its start should be like the footer at its end. */
function checkCopy(head: Uint8Array, footer: Uint8Array, findings: Findings): void {
  if (Buffer.from(head).equals(footer)) return;
  const problems = footerProblems(head, {});
  for (const { field, at, problem } of problems)
    findings.warning(
      at,
      `${field} of the copy`,
      `the footer copy at the start is damaged (${field}: ${problem}): the footer at the end was used`,
    );
  if (problems.length > 0) return;
  const at = head.findIndex((byte, index) => byte !== footer[index]);
  findings.warning(
    at,
    'footer copy',
    'the footer copy at the start differs from the footer at the end: the one at the end was used',
  );
}

const OTHER_FORMATS: readonly (readonly [magic: string, name: string])[] = [
  ['vhdxfile', 'VHDX'],
  ['QFI\xfb', 'QCOW2'],
  ['KDMV', 'VMDK'],
  ['# Disk DescriptorFile', 'VMDK'],
];

function notVhd(size: number, head: Uint8Array, findings: Findings): void {
  const start = Buffer.from(head).toString('latin1');
  const other = OTHER_FORMATS.find(([magic]) => start.startsWith(magic));
  if (other) {
    findings.error(undefined, undefined, `this is a ${other[1]} image; only VHD is supported`, {
      code: 'disk-unsupported',
      hint: 'convert it first: qemu-img convert -O vpc -o force_size=on …',
    });
  } else {
    findings.error(
      size - FOOTER_LENGTH,
      'footer cookie',
      `not a VHD, neither the end nor the start of the file holds a footer ("${COOKIE}")`,
    );
  }
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
export function sparseFooter(
  footer: Uint8Array,
  { isDifferencing, headerOffset }: { readonly isDifferencing: boolean; readonly headerOffset: number },
): Uint8Array {
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
  return Buffer.from(bytesOf(footer.bytes, FOOTER.creatorApplication))
    .toString('latin1')
    .replace(/[^\x21-\x7e]/g, ' ')
    .trim();
}
