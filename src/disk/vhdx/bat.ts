import type { Hash } from 'node:crypto';
import type { Findings } from '../findings.js';
import type { MemoryBudget } from '../memory-budget.js';
import { asBytes } from '../table-pages.js';
import type { UsedUnits } from '../used-units.js';
import { BatCheck } from './bat-check.js';
import { bitmapEntryOf, entryOf, readEntries, wordOf } from './bat-layout.js';
import { BatPages, PAGE_BLOCKS, type BatStretch, type TablePlace } from './bat-pages.js';
import { MIB } from './layout.js';

/** Payload blocks that are read at a time: a multiple of every chunk, so that a chunk's bitmap entry comes with its blocks. */
const PIECE_BLOCKS = 64 * 1024;

/** Receives the findings and the digest of a BAT, and provides memory for it. */
export interface BatContext {
  readonly findings: Findings;
  readonly digest: Hash;
  readonly budget: MemoryBudget;
  /** MiB of the file that are in use; those of the blocks are added. */
  readonly used: UsedUnits;
}

/** The block allocation table of a file. Without errors in the findings every block is inside the file and none overlaps another. */
export class Bat {
  readonly allocatedBlocks: number;
  readonly #place: TablePlace;
  readonly #pages: BatPages;
  readonly #bitmaps: Uint32Array;

  private constructor(place: TablePlace, pages: BatPages, check: BatCheck) {
    this.#place = place;
    this.#pages = pages;
    this.allocatedBlocks = check.allocatedBlocks;
    this.#bitmaps = check.bitmaps;
  }

  /** Reads and checks the table, and adds its entries to a digest. Memory that the table takes is reserved from the budget. Throws `disk-unreadable`. */
  static async read(place: TablePlace, { findings, digest, budget, used }: BatContext): Promise<Bat> {
    const { layout } = place;
    const pages = new BatPages(place, budget);
    const check = new BatCheck(place, findings, used);
    const memory = new Uint32Array(Math.min(PIECE_BLOCKS, layout.blocks));
    try {
      for await (const { firstBlock, blocks, firstEntry, raw } of pieces(place)) {
        digest.update(asBytes(raw));
        const words = memory.subarray(0, blocks);
        for (let block = 0; block < blocks; block++) {
          const at = (entryOf(firstBlock + block, layout) - firstEntry) * 2;
          const [low, high] = [raw[at] ?? 0, raw[at + 1] ?? 0];
          words[block] = wordOf(low, high, layout.isDifferencing);
          if (low !== 0 || high !== 0) check.addBlock(firstBlock + block, low, high);
        }
        for (let at = 0; at < blocks; at += PAGE_BLOCKS) pages.add(words.subarray(at, at + PAGE_BLOCKS));
        if (!layout.isDifferencing) continue;
        for (let block = 0; block < blocks; block += layout.chunkRatio) {
          const chunk = (firstBlock + block) / layout.chunkRatio;
          const at = (bitmapEntryOf(chunk, layout) - firstEntry) * 2;
          check.addBitmap(chunk, raw[at] ?? 0, raw[at + 1] ?? 0);
        }
      }
      check.finish();
    } catch (error) {
      pages.release();
      throw error;
    }
    return new Bat(place, pages, check);
  }

  /** Returns a part of the table that contains the block; see `BatPages.from`. */
  from(blockIndex: number): Promise<BatStretch> {
    return this.#pages.from(blockIndex);
  }

  /** Returns the offset in the file of the sector bitmap of a partially present block, in bytes. */
  bitmapPosition(blockIndex: number): number {
    const { chunkRatio, bitmapLength } = this.#place.layout;
    const chunk = Math.floor(blockIndex / chunkRatio);
    const position = this.#bitmaps[chunk] ?? 0;
    // No bitmap lies in the first MiB, which has the headers.
    if (position === 0) throw new RangeError(`the bitmap of chunk ${chunk} was not read`);
    return position * MIB + (blockIndex - chunk * chunkRatio) * bitmapLength;
  }

  /** Returns its memory to the budget. */
  release(): void {
    this.#pages.release();
  }
}

/** Reads the entries of a table, and adds them to a digest as `Bat.read` does. Checks nothing. Throws `disk-unreadable`. */
export async function digestBat(place: TablePlace, digest: Hash): Promise<void> {
  for await (const { raw } of pieces(place)) digest.update(asBytes(raw));
}

/** A part of a table: whole chunks, except the last. */
interface Piece {
  readonly firstBlock: number;
  readonly blocks: number;
  readonly firstEntry: number;
  /** Both words of each entry. */
  readonly raw: Uint32Array;
}

/** Yields the entries of a table, piece by piece. The memory of a piece is reused for the next one. */
async function* pieces({ file, tableOffset, layout }: TablePlace): AsyncGenerator<Piece> {
  const memory = new Uint32Array(Math.min(layout.entries, PIECE_BLOCKS + PIECE_BLOCKS / layout.chunkRatio) * 2);
  for (let firstBlock = 0; firstBlock < layout.blocks; firstBlock += PIECE_BLOCKS) {
    const firstEntry = entryOf(firstBlock, layout);
    const raw = memory.subarray(0, Math.min(memory.length, (layout.entries - firstEntry) * 2));
    await readEntries(file, tableOffset, firstEntry, raw);
    yield { firstBlock, blocks: Math.min(PIECE_BLOCKS, layout.blocks - firstBlock), firstEntry, raw };
  }
}
