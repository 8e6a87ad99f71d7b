import { endianness } from 'node:os';
import type { SourceHandle } from '../file.js';
import { BAT_ENTRY_LENGTH, MIB, SECTORS_PER_CHUNK, STATE } from './layout.js';
import type { Metadata } from './metadata.js';

/** The order of the entries in a BAT ([MS-VHDX] 2.5): in all files, bitmap entries are between payload entries. */
export interface BatLayout {
  readonly isDifferencing: boolean;
  /** Virtual size and bytes of a block. */
  readonly size: number;
  readonly blockSize: number;
  /** Payload blocks of the disk. */
  readonly blocks: number;
  /** Payload blocks that one sector bitmap block describes: a power of two. */
  readonly chunkRatio: number;
  /** Entries that the BAT needs. */
  readonly entries: number;
  /** Bytes of the sector bitmap of one block. */
  readonly bitmapLength: number;
}

/** Returns the layout of the BAT that a disk has. */
export function batLayout({ type, size, blockSize, logicalSectorSize }: Metadata): BatLayout {
  const chunkRatio = (SECTORS_PER_CHUNK * logicalSectorSize) / blockSize;
  const blocks = Math.ceil(size / blockSize);
  const isDifferencing = type === 'differencing';
  return {
    isDifferencing,
    size,
    blockSize,
    blocks,
    chunkRatio,
    entries: isDifferencing
      ? Math.ceil(blocks / chunkRatio) * (chunkRatio + 1)
      : blocks + Math.floor((blocks - 1) / chunkRatio),
    bitmapLength: blockSize / logicalSectorSize / 8,
  };
}

/** Returns the index of a block's entry in the BAT. */
export function entryOf(blockIndex: number, { chunkRatio }: BatLayout): number {
  return blockIndex + Math.floor(blockIndex / chunkRatio);
}

/** Returns the index of the entry of a chunk's sector bitmap. */
export function bitmapEntryOf(chunkIndex: number, { chunkRatio }: BatLayout): number {
  return chunkIndex * (chunkRatio + 1) + chunkRatio;
}

/** Returns the state of an entry, given its low 32 bits. */
export function stateOf(low: number): number {
  return low & 7;
}

/** Returns the offset of an entry in MiB, given both halves of it. */
export function offsetOf(low: number, high: number): number {
  return (low >>> 20) + high * 2 ** 12;
}

/** The word of a block that the file does not hold: the parent decides, or it is zero. */
export const EMPTY_WORD = 0;
/** The word of a block that is zero and hides the parent. */
export const ZERO_WORD = STATE.zero;

/**
 * Returns what is kept of a payload entry: its state, and from bit 3 the offset in MiB, for files up to 512 TiB. States that read alike
 * are one, without the offset that such an entry may still have.
 */
export function wordOf(low: number, high: number, isDifferencing: boolean): number {
  const state = stateOf(low);
  if (state >= STATE.fullyPresent) return ((offsetOf(low, high) << 3) | state) >>> 0;
  return state === STATE.notPresent || !isDifferencing ? EMPTY_WORD : ZERO_WORD;
}

/** Returns the offset in the file that a word holds, in bytes. */
export function positionOf(word: number): number {
  return (word >>> 3) * MIB;
}

/** Fills `into` with entries of a BAT, from the one with index `first` on; each takes two words, the low one first. */
export async function readEntries(
  file: SourceHandle,
  tableOffset: number,
  first: number,
  into: Uint32Array,
): Promise<void> {
  const bytes = Buffer.from(into.buffer, into.byteOffset, into.byteLength);
  await file.read(tableOffset + first * BAT_ENTRY_LENGTH, bytes);
  if (endianness() === 'BE') bytes.swap32();
}
