import { SECTOR } from '../../bytes/sector.js';
import type { Geometry } from './geometry.js';

/**
 * L2 entries as two words of 32 bits, the high one first; an extended entry has two more: the bitmap of the subclusters that read as
 * zeros, then that of the allocated ones (qcow2.rst, "L2 table entry", "Extended L2 Entries").
 */

/** In the high word: the cluster is compressed. */
export const COMPRESSED = 0x4000_0000;
/** In the high word: the reference count is one. With a data file it distinguishes a cluster at offset 0 from no cluster. */
export const COPIED = 0x8000_0000;
/** In the high word of a standard cluster: bits 32 to 55 of its offset. */
export const OFFSET_HIGH = 0x00ff_ffff;
/** In the low word of a standard cluster, or of an L1 entry: bits 9 to 31 of its offset. */
export const OFFSET_LOW = 0xffff_fe00;
/** In the low word of a standard cluster without extended L2 entries: it reads as zeros. */
export const ZERO = 1;
/** In the high word: bits 56 to 61, reserved in a standard cluster. */
export const RESERVED_HIGH = 0x3f00_0000;
/** In the high word of an L1 entry: bits 56 to 62. */
export const L1_RESERVED_HIGH = 0x7f00_0000;
/** In the low word of an L1 entry: bits 0 to 8. */
export const L1_RESERVED_LOW = 0x1ff;

const TWO_32 = 2 ** 32;

/** Returns the offset in a standard cluster's entry, or in an L1 entry, in bytes. An offset above 2^53 is not exact, but such an offset is beyond the end of every file. */
export function offsetOf(high: number, low: number): number {
  return (high & OFFSET_HIGH) * TWO_32 + ((low & OFFSET_LOW) >>> 0);
}

/** The place of a compressed cluster in the file, in bytes: it ends somewhere in its last sector. */
export interface CompressedPlace {
  readonly start: number;
  /** First byte after its last sector. */
  readonly end: number;
}

/** Returns the place of a compressed cluster (qcow2.rst, "Compressed Clusters Descriptor"). */
export function compressedPlace(high: number, low: number, { clusterBits }: Geometry): CompressedPlace {
  // The number of further sectors begins at bit 62 - (cluster_bits - 8), which is always in the high word.
  const shift = 62 - (clusterBits - 8) - 32;
  const start = (high & (2 ** shift - 1)) * TWO_32 + (low >>> 0);
  const more = (high & (COMPRESSED - 1)) >>> shift;
  return { start, end: start - (start % SECTOR) + (more + 1) * SECTOR };
}

/** What an entry says about all its units; `mixed`: its subclusters differ. */
export type EntryKind = 'absent' | 'zero' | 'data' | 'compressed' | 'mixed';

/** Returns what a valid entry at `at` in a page says. */
export function kindOf(words: Uint32Array, at: number, { isExtended, hasDataFile }: Geometry): EntryKind {
  const high = words[at] ?? 0;
  const low = words[at + 1] ?? 0;
  if ((high & COMPRESSED) !== 0) return 'compressed';
  if (isExtended) {
    const zeros = words[at + 2] ?? 0;
    const allocated = words[at + 3] ?? 0;
    if (zeros === 0 && allocated === 0) return 'absent';
    return allocated === 0xffff_ffff ? 'data' : zeros === 0xffff_ffff ? 'zero' : 'mixed';
  }
  if ((low & ZERO) !== 0) return 'zero';
  const isData = (high & OFFSET_HIGH) !== 0 || (low & OFFSET_LOW) !== 0 || (hasDataFile && (high & COPIED) !== 0);
  return isData ? 'data' : 'absent';
}

/** Returns what an extended entry at `at` in a page says about a subcluster. */
export function subclusterKind(words: Uint32Array, at: number, index: number): 'absent' | 'zero' | 'data' {
  if ((((words[at + 3] ?? 0) >>> index) & 1) !== 0) return 'data';
  return (((words[at + 2] ?? 0) >>> index) & 1) !== 0 ? 'zero' : 'absent';
}
