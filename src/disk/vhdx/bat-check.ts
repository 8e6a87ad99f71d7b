import { EntryProblems } from '../entry-problems.js';
import type { Findings } from '../findings.js';
import type { UsedUnits } from '../used-units.js';
import { bitmapEntryOf, entryOf, offsetOf, stateOf } from './bat-layout.js';
import type { TablePlace } from './bat-pages.js';
import { BAT_ENTRY_LENGTH, MIB, STATE } from './layout.js';

/** Reports each block that is not inside the file, or overlaps something else ([MS-VHDX] 2.5.1). */
export class BatCheck {
  /** Offset of each chunk's sector bitmap in the file, in MiB; 0 if none is needed. */
  readonly bitmaps: Uint32Array;
  readonly #place: TablePlace;
  readonly #findings: Findings;
  readonly #problems: EntryProblems;
  readonly #used: UsedUnits;
  /** 1 for each chunk with a partially present block. */
  readonly #partialChunks: Uint8Array;
  #allocated = 0;
  /** Blocks with the state that only a draft of the specification has. */
  #old = 0;

  constructor(place: TablePlace, findings: Findings, used: UsedUnits) {
    const { isDifferencing, blocks, chunkRatio } = place.layout;
    this.#place = place;
    this.#findings = findings;
    this.#problems = new EntryProblems(findings, 'BAT', place.tableOffset);
    this.#used = used;
    this.bitmaps = new Uint32Array(isDifferencing ? Math.ceil(blocks / chunkRatio) : 0);
    this.#partialChunks = new Uint8Array(this.bitmaps.length);
  }

  /** Blocks that the file holds, whole or in part. */
  get allocatedBlocks(): number {
    return this.#allocated;
  }

  /** Checks the entry of a block, given by its halves. */
  addBlock(blockIndex: number, low: number, high: number): void {
    const { layout } = this.#place;
    const state = stateOf(low);
    const refuse = (problem: string) => {
      this.#refuse(`BAT entry of block ${blockIndex}`, entryOf(blockIndex, layout), problem);
    };
    if (state === STATE.oldUnmapped) this.#old++;
    else if (state === STATE.oldUnmapped - 1) refuse(`the state ${state} is not known`);
    if (state < STATE.fullyPresent) return;
    this.#allocated++;
    if (state === STATE.partiallyPresent) {
      if (!layout.isDifferencing) {
        refuse(`the state ${state}, partially present, is of differencing disks only`);
        return;
      }
      this.#partialChunks[Math.floor(blockIndex / layout.chunkRatio)] = 1;
    }
    const problem = this.#problem(offsetOf(low, high), layout.blockSize);
    if (problem !== undefined) refuse(problem);
  }

  /** Checks the entry of a chunk's sector bitmap, after those of its blocks. It is ignored if no block needs the bitmap: writers leave garbage there. */
  addBitmap(chunkIndex: number, low: number, high: number): void {
    if (this.#partialChunks[chunkIndex] !== 1) return;
    const state = stateOf(low);
    const offset = offsetOf(low, high);
    const problem =
      state === STATE.fullyPresent
        ? this.#problem(offset, MIB)
        : `the state is ${state}, and a partially present block needs the bitmap`;
    if (problem === undefined) this.bitmaps[chunkIndex] = offset;
    else
      this.#refuse(`BAT entry of sector bitmap ${chunkIndex}`, bitmapEntryOf(chunkIndex, this.#place.layout), problem);
  }

  /** Reports what was only counted. */
  finish(): void {
    this.#problems.finish();
    if (this.#old > 0)
      this.#findings.warning(
        this.#place.tableOffset,
        'BAT',
        `${this.#old} blocks have the state 5, which is of a draft of the format: they are read as unmapped, all zeros`,
        { code: 'block-state' },
      );
  }

  /** Returns what is wrong with a block of the file. `offset` in MiB, `length` in bytes. */
  #problem(offset: number, length: number): string | undefined {
    const { size } = this.#place.file;
    const start = offset * MIB;
    if (start + length > size)
      return `puts the block at ${start} to ${start + length}, past the end of the file at ${size}${start < size ? '; its data is cut short' : ''}`;
    if (offset === 0) return 'points into the header section';
    if (!this.#used.claim(offset, length / MIB))
      return `the block at ${start} overlaps the log, a region or another block`;
    return undefined;
  }

  #refuse(field: string, entry: number, problem: string): void {
    this.#problems.add(this.#place.tableOffset + entry * BAT_ENTRY_LENGTH, field, problem);
  }
}
