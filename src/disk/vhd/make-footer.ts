import { COOKIE, type Footer } from './footer.js';
import { geometryOf } from './geometry.js';
import {
  DISK_TYPE,
  FOOTER,
  FOOTER_LENGTH,
  FORMAT_VERSION,
  NO_OFFSET,
  checksum,
  putUint32,
  putUint64,
} from './layout.js';

/** `wa`, NUL, NUL: the creator application that Add-AzVhd writes to the footer of a converted disk. */
const CONVERTED = [0x77, 0x61, 0, 0];
/** Bit 1 of the features is reserved and always set. */
const FEATURES = 2;
/** Creator version 7.0, as Azure's own tools write it. */
const CREATOR_VERSION = 0x00070000;
const WINDOWS = 0x5769326b;

/**
 * Returns the footer that the blob of a disk gets. That of a fixed disk is kept. That of a sparse disk gets data offset all ones,
 * type fixed, creator application `77 61 00 00` and a new checksum; the rest is kept. Add-AzVhd writes the same, so Content-MD5
 * agrees both ways. `size`, in bytes, is that of the blob's disk: if the footer has another one, size and geometry are replaced.
 */
export function fixedFooter(footer: Footer, size: number): Uint8Array {
  const isFixed = footer.diskType === DISK_TYPE.fixed;
  const hasSize = footer.currentSize === BigInt(size);
  if (isFixed && hasSize) return footer.bytes;
  const bytes = Uint8Array.from(footer.bytes);
  if (!isFixed) {
    putUint64(bytes, FOOTER.dataOffset, NO_OFFSET);
    putUint32(bytes, FOOTER.diskType, DISK_TYPE.fixed);
    bytes.set(CONVERTED, FOOTER.creatorApplication[0]);
  }
  if (!hasSize) putSize(bytes, size);
  putUint32(bytes, FOOTER.checksum, checksum(bytes, FOOTER.checksum));
  return bytes;
}

/** Returns the footer of a sparse disk with the identity, sizes, geometry, times and creator of a fixed one: the reverse of `fixedFooter`. */
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

/**
 * Makes the footer of a fixed disk that has none of its own. Its time stamp is 0: the same disk must always get the same bytes.
 * `size` is in bytes, a multiple of 512; without an `id` the unique id is all zeros.
 */
export function newFixedFooter({ id, size }: { readonly id: string | undefined; readonly size: number }): Uint8Array {
  const bytes = new Uint8Array(FOOTER_LENGTH);
  bytes.set(Buffer.from(COOKIE, 'latin1'), FOOTER.cookie[0]);
  putUint32(bytes, FOOTER.features, FEATURES);
  putUint32(bytes, FOOTER.fileFormatVersion, FORMAT_VERSION);
  putUint64(bytes, FOOTER.dataOffset, NO_OFFSET);
  bytes.set(CONVERTED, FOOTER.creatorApplication[0]);
  putUint32(bytes, FOOTER.creatorVersion, CREATOR_VERSION);
  putUint32(bytes, FOOTER.creatorHostOs, WINDOWS);
  putUint64(bytes, FOOTER.originalSize, BigInt(size));
  putSize(bytes, size);
  putUint32(bytes, FOOTER.diskType, DISK_TYPE.fixed);
  if (id !== undefined) bytes.set(Buffer.from(id.replaceAll('-', ''), 'hex'), FOOTER.uniqueId[0]);
  putUint32(bytes, FOOTER.checksum, checksum(bytes, FOOTER.checksum));
  return bytes;
}

/** Sets the current size, and the geometry that belongs to it. */
function putSize(footer: Uint8Array, size: number): void {
  putUint64(footer, FOOTER.currentSize, BigInt(size));
  const { cylinders, heads, sectorsPerTrack } = geometryOf(size);
  putUint32(footer, FOOTER.diskGeometry, (cylinders * 0x10000 + heads * 0x100 + sectorsPerTrack) >>> 0);
}
