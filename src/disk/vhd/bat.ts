import type { Hash } from 'node:crypto';
import type { SourceHandle } from '../file.js';
import { EntryProblems } from '../entry-problems.js';
import type { Findings } from '../findings.js';
import type { MemoryBudget } from '../memory-budget.js';
import { asBytes } from '../table-pages.js';
import { BatPages, PAGE_ENTRIES, readEntries, type BatStretch } from './bat-pages.js';
import type { Header } from './header.js';
import { HEADER, HEADER_LENGTH, NOT_ALLOCATED, SECTOR, hex } from './layout.js';
import { bitmapLength } from './bitmap.js';

/** The largest BAT that is read: 64 MiB, enough for 2 TiB in blocks of 128 KiB. */
const MAX_ENTRIES = 16 * 1024 * 1024;
/** The table is read in pieces of this many pages. */
const READ_PAGES = 64;

/** The location of a BAT, and what it is checked against. */
export interface BatPlace {
  readonly file: SourceHandle;
  readonly header: Header;
  /** Virtual size in bytes. */
  readonly size: number;
  /** First byte after the data of the file. */
  readonly dataEnd: number;
}

/** Receives the findings and the digest of a BAT, and provides memory for it. */
export interface BatContext {
  readonly findings: Findings;
  readonly digest: Hash;
  readonly budget: MemoryBudget;
}

/** The block allocation table of a sparse disk. Without errors in the findings every block is inside the file and none overlaps another. */
export class Bat {
  readonly allocatedBlocks: number;
  readonly #place: BatPlace;
  readonly #pages: BatPages;

  private constructor(place: BatPlace, pages: BatPages, allocatedBlocks: number) {
    this.#place = place;
    this.#pages = pages;
    this.allocatedBlocks = allocatedBlocks;
  }

  /**
   * Reads and checks the table, and adds its entries to a digest. Returns `undefined`, and reports an error, if the table has
   * more than `MAX_ENTRIES`. Memory that the table takes is reserved from the budget.
   */
  static async read(place: BatPlace, { findings, digest, budget }: BatContext): Promise<Bat | undefined> {
    const { file, header, size } = place;
    const needed = Math.ceil(size / header.blockSize);
    if (needed > MAX_ENTRIES) {
      findings.error(
        header.offset + HEADER.blockSize[0],
        'dynamic header block size',
        `${header.blockSize} bytes make ${needed} blocks, more than ${MAX_ENTRIES}`,
        { code: 'disk-unsupported' },
      );
      return undefined;
    }
    const pages = new BatPages({ file, tableOffset: header.tableOffset, entries: needed }, budget);
    const check = new BatCheck(place, findings, needed);
    try {
      for await (const { first, entries } of pieces(place, needed)) {
        digest.update(asBytes(entries));
        for (let at = 0; at < entries.length; at += PAGE_ENTRIES) pages.add(entries.subarray(at, at + PAGE_ENTRIES));
        check.add(first, entries);
      }
      await check.finish();
    } catch (error) {
      pages.release();
      throw error;
    }
    return new Bat(place, pages, check.allocatedBlocks);
  }

  /** Returns a part of the table that contains the block; see `BatPages.from`. */
  from(blockIndex: number): Promise<BatStretch> {
    return this.#pages.from(blockIndex);
  }

  /** Returns its memory to the budget. */
  release(): void {
    this.#pages.release();
  }

  /** Reads the table that is in the file now, and adds its entries to a digest as `read` does. Checks nothing. */
  async readAgain(digest: Hash): Promise<void> {
    const { header, size } = this.#place;
    for await (const { entries } of pieces(this.#place, Math.ceil(size / header.blockSize)))
      digest.update(asBytes(entries));
  }
}

/** Yields the entries of a table, piece by piece. The memory of a piece is reused for the next one. */
async function* pieces(
  { file, header }: BatPlace,
  needed: number,
): AsyncGenerator<{ readonly first: number; readonly entries: Uint32Array }> {
  const memory = new Uint32Array(Math.min(needed, READ_PAGES * PAGE_ENTRIES));
  for (let first = 0; first < needed; first += memory.length) {
    const entries = memory.subarray(0, Math.min(memory.length, needed - first));
    await readEntries(file, header.tableOffset + first * 4, entries);
    yield { first, entries };
  }
}

/** Reports each block that is not entirely inside the file's data, or overlaps something else. */
class BatCheck {
  readonly #place: BatPlace;
  readonly #problems: EntryProblems;
  readonly #prefix: number;
  /** The entries of blocks that the file holds. The system provides the memory only as it is written to. */
  readonly #inFile: Uint32Array;
  #count = 0;

  constructor(place: BatPlace, findings: Findings, needed: number) {
    this.#place = place;
    this.#problems = new EntryProblems(findings, 'BAT', place.header.tableOffset);
    this.#prefix = bitmapLength(place.header.blockSize);
    this.#inFile = new Uint32Array(needed);
  }

  get allocatedBlocks(): number {
    return this.#count;
  }

  add(first: number, entries: Uint32Array): void {
    const { header, size, dataEnd } = this.#place;
    for (let index = 0; index < entries.length; index++) {
      const sector = entries[index] ?? NOT_ALLOCATED;
      if (sector === NOT_ALLOCATED) continue;
      this.#inFile[this.#count++] = sector;
      const start = sector * SECTOR;
      // The part of the last block beyond the disk's size is not a part of the disk, and may be missing.
      const end = start + this.#prefix + Math.min(header.blockSize, size - (first + index) * header.blockSize);
      const problem = misplaced({ start, bitmapEnd: start + this.#prefix, end }, header, dataEnd);
      if (problem !== undefined) this.#refuse(first + index, sector, problem);
    }
  }

  async finish(): Promise<void> {
    const { header } = this.#place;
    const inFile = this.#inFile.subarray(0, this.#count).sort();
    const stride = (this.#prefix + header.blockSize) / SECTOR;
    const overlaps: { readonly sector: number; readonly before: number }[] = [];
    let more = 0;
    for (let index = 1; index < inFile.length; index++) {
      const before = inFile[index - 1] ?? 0;
      const sector = inFile[index] ?? 0;
      if (sector - before >= stride) continue;
      if (overlaps.length < this.#problems.left) overlaps.push({ sector, before });
      else more++;
    }
    const blocks =
      overlaps.length === 0
        ? new Map<number, number>()
        : await this.#lastBlocksWith(new Set(overlaps.map(({ sector }) => sector)));
    for (const { sector, before } of overlaps)
      this.#refuse(blocks.get(sector) ?? 0, sector, `overlaps the block at sector ${hex(before)}`);
    this.#problems.addUnlisted(more);
    this.#problems.finish();
  }

  #refuse(blockIndex: number, sector: number, problem: string): void {
    this.#problems.add(
      this.#place.header.tableOffset + blockIndex * 4,
      `BAT entry ${blockIndex}`,
      `sector ${hex(sector)} ${problem}`,
    );
  }

  async #lastBlocksWith(sectors: ReadonlySet<number>): Promise<Map<number, number>> {
    const found = new Map<number, number>();
    for await (const { first, entries } of pieces(this.#place, this.#inFile.length)) {
      for (const [index, sector] of entries.entries()) if (sectors.has(sector)) found.set(sector, first + index);
    }
    return found;
  }
}

/** A block in the file: its bitmap, then its data. Offsets in bytes. */
interface BlockPlace {
  readonly start: number;
  readonly bitmapEnd: number;
  readonly end: number;
}

/** Returns what is wrong with the place of a block. */
function misplaced({ start, bitmapEnd, end }: BlockPlace, header: Header, dataEnd: number): string | undefined {
  const overlaps = (from: number, to: number) => start < to && end > from;
  if (end > dataEnd) {
    const cut =
      start >= dataEnd ? '' : bitmapEnd > dataEnd ? '; its sector bitmap is cut short' : '; its data is cut short';
    return `puts the block at ${start} to ${end}, past the end of the file's data at ${dataEnd}${cut}`;
  }
  if (start < SECTOR) return 'points into the footer copy';
  if (overlaps(header.offset, header.offset + HEADER_LENGTH)) return 'points into the dynamic header';
  if (overlaps(header.tableOffset, header.tableOffset + header.maxTableEntries * 4)) return 'points into the BAT';
  return undefined;
}
