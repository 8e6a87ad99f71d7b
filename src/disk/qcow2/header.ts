import {
  HEADER,
  HEADER_LENGTH,
  AUTOCLEAR,
  COMPATIBLE,
  INCOMPATIBLE,
  MAGIC,
  MAX_L1_ENTRIES,
  MAX_NAME,
  MAX_SIZE,
  MAX_SNAPSHOTS,
} from './layout.js';
import { bytesOf, hex, text, uint32, uint64, type Field } from '../big-endian.js';
import type { SourceHandle } from '../file.js';
import type { Findings } from '../findings.js';
import { SECTOR } from '../../bytes/sector.js';

/** How the compressed clusters of an image are compressed. */
export type Compression = 'deflate' | 'zstd';

/** A header, parsed and checked on its own (qcow2.rst, "Header"). Offsets and lengths in bytes. */
export interface Header {
  /** The first cluster, as far as the file has it. */
  readonly bytes: Uint8Array;
  readonly version: 2 | 3;
  readonly clusterBits: number;
  /** Virtual size as the header has it. */
  readonly size: bigint;
  /** Entries of the active L1 table. */
  readonly l1Size: number;
  readonly l1Offset: bigint;
  readonly snapshotCount: number;
  readonly snapshotsOffset: bigint;
  /** Where the name of the backing file is; `undefined`: the image has none. */
  readonly backingName: { readonly offset: number; readonly length: number } | undefined;
  readonly incompatible: bigint;
  readonly refcountBits: number;
  readonly headerLength: number;
  readonly compression: Compression;
  readonly isDirty: boolean;
  readonly hasDataFile: boolean;
  readonly isDataFileRaw: boolean;
  readonly hasExtendedL2: boolean;
  readonly hasLazyRefcounts: boolean;
  readonly hasBitmaps: boolean;
}

/** A header without the first cluster, which is up to 2 MiB: what a long chain can keep of each image. */
export type HeaderFields = Omit<Header, 'bytes'>;

/** Returns true if a 64-bit field has this bit. */
export function hasBit(field: bigint, bit: number): boolean {
  return ((field >> BigInt(bit)) & 1n) === 1n;
}

/**
 * Reads the header and checks the fields that can be checked without the rest of the file. Returns `undefined`, and reports an
 * error, if it says too little to go on. Throws `disk-unreadable`.
 */
export async function readHeader(file: SourceHandle, findings: Findings): Promise<Header | undefined> {
  const start = new Uint8Array(Math.min(file.size, HEADER_LENGTH[3] + 8));
  await file.read(0, start);
  const version = versionOf(start, findings);
  if (version === undefined) return undefined;
  if (start.length < HEADER_LENGTH[version]) {
    findings.error(0, 'header', `the file has ${file.size} bytes, fewer than its header`);
    return undefined;
  }
  const clusterBits = uint32(start, HEADER.clusterBits);
  if (clusterBits < 9 || clusterBits > 21) {
    findings.error(HEADER.clusterBits[0], 'cluster bits', `${clusterBits} is not between 9 and 21`);
    return undefined;
  }
  const bytes = new Uint8Array(Math.min(file.size, 2 ** clusterBits));
  await file.read(0, bytes);
  return new HeaderReader(bytes, version, findings).read();
}

/** Returns the version of an image; reports an error if it has none that is read. */
function versionOf(start: Uint8Array, findings: Findings): 2 | 3 | undefined {
  if (start.length < 8 || text(start, HEADER.magic) !== MAGIC) {
    findings.error(0, 'magic', 'is not that of a QCOW2 image');
    return undefined;
  }
  const version = uint32(start, HEADER.version);
  if (version === 2 || version === 3) return version;
  findings.error(
    HEADER.version[0],
    'version',
    version === 1
      ? 'this is a QCOW image of version 1; only the versions 2 and 3 (QCOW2) are supported'
      : `${version} is not 2 or 3, the versions of QCOW2`,
    { code: 'disk-unsupported', ...(version === 1 ? { hint: 'convert it first: qemu-img convert -O qcow2 …' } : {}) },
  );
  return undefined;
}

class HeaderReader {
  readonly #bytes: Uint8Array;
  readonly #version: 2 | 3;
  readonly #findings: Findings;

  constructor(bytes: Uint8Array, version: 2 | 3, findings: Findings) {
    this.#bytes = bytes;
    this.#version = version;
    this.#findings = findings;
  }

  read(): Header {
    const bytes = this.#bytes;
    const headerLength = this.#headerLength();
    const incompatible = this.#features(HEADER.incompatibleFeatures);
    const compatible = this.#features(HEADER.compatibleFeatures);
    const autoclear = this.#features(HEADER.autoclearFeatures);
    const clusterBits = uint32(bytes, HEADER.clusterBits);
    const hasDataFile = hasBit(incompatible, INCOMPATIBLE.dataFile);
    const hasExtendedL2 = hasBit(incompatible, INCOMPATIBLE.extendedL2);
    if (hasExtendedL2 && clusterBits < 14)
      this.#refuse('clusterBits', 'cluster bits', `${clusterBits} is less than 14, with extended L2 entries`);
    this.#checkCounts();
    return {
      bytes,
      version: this.#version,
      clusterBits,
      size: uint64(bytes, HEADER.size),
      l1Size: uint32(bytes, HEADER.l1Size),
      l1Offset: uint64(bytes, HEADER.l1TableOffset),
      snapshotCount: uint32(bytes, HEADER.nbSnapshots),
      snapshotsOffset: uint64(bytes, HEADER.snapshotsOffset),
      backingName: this.#backingName(headerLength),
      incompatible,
      refcountBits: 2 ** this.#refcountOrder(),
      headerLength,
      compression: this.#compression(incompatible, headerLength),
      isDirty: hasBit(incompatible, INCOMPATIBLE.dirty),
      hasDataFile,
      isDataFileRaw: hasDataFile && hasBit(autoclear, AUTOCLEAR.rawDataFile),
      hasExtendedL2,
      hasLazyRefcounts: hasBit(compatible, COMPATIBLE.lazyRefcounts),
      hasBitmaps: hasBit(autoclear, AUTOCLEAR.bitmaps),
    };
  }

  #refuse(
    field: keyof typeof HEADER,
    name: string,
    problem: string,
    code: 'disk-invalid' | 'disk-unsupported' = 'disk-invalid',
  ): void {
    this.#findings.error(HEADER[field][0], name, problem, { code });
  }

  #features(field: Field): bigint {
    return this.#version === 2 ? 0n : uint64(this.#bytes, field);
  }

  #headerLength(): number {
    if (this.#version === 2) return HEADER_LENGTH[2];
    const length = uint32(this.#bytes, HEADER.headerLength);
    if (length >= HEADER_LENGTH[3] && length % 8 === 0 && length <= this.#bytes.length) return length;
    this.#refuse(
      'headerLength',
      'header length',
      `${length} is not a multiple of 8 between ${HEADER_LENGTH[3]} and ${this.#bytes.length}`,
    );
    return HEADER_LENGTH[3];
  }

  #refcountOrder(): number {
    const order = this.#version === 2 ? 4 : uint32(this.#bytes, HEADER.refcountOrder);
    if (order <= 6) return order;
    this.#refuse('refcountOrder', 'refcount order', `${order} is more than 6`);
    return 4;
  }

  #checkCounts(): void {
    const bytes = this.#bytes;
    const crypt = uint32(bytes, HEADER.cryptMethod);
    if (crypt !== 0) {
      const name = crypt === 1 ? 'AES' : crypt === 2 ? 'LUKS' : `method ${crypt}`;
      this.#findings.error(HEADER.cryptMethod[0], 'crypt method', `the image is encrypted (${name})`, {
        code: 'disk-unsupported',
        hint: 'decrypt it first: qemu-img convert with the secret of the image',
      });
    }
    const size = uint64(bytes, HEADER.size);
    if (size < BigInt(SECTOR)) this.#refuse('size', 'size', `${size} bytes are not a sector`, 'disk-unsupported');
    if (size > BigInt(MAX_SIZE))
      this.#refuse('size', 'size', `${size} bytes are more than the 64 TiB that are supported`, 'disk-unsupported');
    const l1Size = uint32(bytes, HEADER.l1Size);
    if (l1Size > MAX_L1_ENTRIES) this.#refuse('l1Size', 'L1 size', `${l1Size} entries are more than ${MAX_L1_ENTRIES}`);
    const snapshots = uint32(bytes, HEADER.nbSnapshots);
    if (snapshots > MAX_SNAPSHOTS)
      this.#refuse('nbSnapshots', 'number of snapshots', `${snapshots} is more than ${MAX_SNAPSHOTS}`);
  }

  #backingName(headerLength: number): Header['backingName'] {
    const offset = uint64(this.#bytes, HEADER.backingFileOffset);
    if (offset === 0n) return undefined;
    const length = uint32(this.#bytes, HEADER.backingFileSize);
    if (length === 0) return undefined;
    if (length > MAX_NAME) {
      this.#refuse('backingFileSize', 'backing file size', `${length} bytes are more than ${MAX_NAME}`);
      return undefined;
    }
    if (offset >= BigInt(headerLength) && offset + BigInt(length) <= BigInt(this.#bytes.length))
      return { offset: Number(offset), length };
    this.#refuse(
      'backingFileOffset',
      'backing file offset',
      `${length} bytes at ${hex(offset)} are not between the header and the end of the first cluster`,
    );
    return undefined;
  }

  /** The field is there if the header is long enough; the feature bit says the same again. */
  #compression(incompatible: bigint, headerLength: number): Compression {
    const isThere = this.#version === 3 && headerLength > HEADER.compressionType[0];
    const type = isThere ? (bytesOf(this.#bytes, HEADER.compressionType)[0] ?? 0) : 0;
    if (type > 1)
      this.#refuse('compressionType', 'compression type', `${type} is not deflate (0) or zstd (1)`, 'disk-unsupported');
    else if (hasBit(incompatible, INCOMPATIBLE.compressionType) !== (type !== 0))
      this.#refuse(
        'compressionType',
        'compression type',
        `${type} contradicts the feature bit of the compression type`,
      );
    return type === 1 ? 'zstd' : 'deflate';
  }
}
