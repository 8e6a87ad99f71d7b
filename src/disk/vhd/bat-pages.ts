import { endianness } from 'node:os';
import type { SourceHandle } from '../file.js';
import type { MemoryBudget } from '../memory-budget.js';
import { TablePages, type LoadedPages, type Page } from '../table-pages.js';
import { NOT_ALLOCATED, SECTOR } from './layout.js';

const PAGE_BITS = 12;
/** Entries of a page: 16 KiB of the file. */
export const PAGE_ENTRIES = 2 ** PAGE_BITS;

/** Location and size of a BAT in its file. */
interface TablePlace {
  readonly file: SourceHandle;
  /** Offset in the file, in bytes. */
  readonly tableOffset: number;
  readonly entries: number;
}

/** The pages of a checked BAT. */
export class BatPages {
  readonly #entries: number;
  readonly #pages: TablePages;

  constructor({ file, tableOffset, entries }: TablePlace, budget: MemoryBudget) {
    this.#entries = entries;
    const read = async (index: number): Promise<Uint32Array> => {
      const page = new Uint32Array(Math.min(PAGE_ENTRIES, entries - index * PAGE_ENTRIES));
      await readEntries(file, tableOffset + index * PAGE_ENTRIES * 4, page);
      return page;
    };
    this.#pages = new TablePages({ path: file.path, name: 'BAT', emptyWord: NOT_ALLOCATED, read }, budget);
  }

  /** Adds the next page. Each has `PAGE_ENTRIES` entries; the last may have fewer. Keeps a copy, not `entries` itself. */
  add(entries: Uint32Array): void {
    this.#pages.add(entries);
  }

  /** Returns its memory to the budget. */
  release(): void {
    this.#pages.release();
  }

  /** Returns a part of the table that contains the block; see `TablePages.from`. */
  async from(blockIndex: number): Promise<BatStretch> {
    return new BatStretch(await this.#pages.from(blockIndex >>> PAGE_BITS), this.#entries);
  }
}

/** A part of a BAT that is in memory. */
export class BatStretch {
  /** The index of the first block after it. */
  readonly end: number;
  readonly #start: number;
  readonly #pages: readonly Page[];

  /** `entries`: of the whole table. */
  constructor({ start, end, pages }: LoadedPages, entries: number) {
    this.#pages = pages;
    this.#start = start * PAGE_ENTRIES;
    this.end = Math.min(entries, end * PAGE_ENTRIES);
  }

  /** Returns the offset of a block's bitmap in the file; the block follows it. `undefined` if the file does not hold the block. */
  position(blockIndex: number): number | undefined {
    const index = blockIndex - this.#start;
    const page = this.#pages[index >>> PAGE_BITS] ?? 'empty';
    const sector = page === 'empty' ? NOT_ALLOCATED : (page[index & (PAGE_ENTRIES - 1)] ?? NOT_ALLOCATED);
    return sector === NOT_ALLOCATED ? undefined : sector * SECTOR;
  }

  /** Returns the first block in `[blockIndex, end)` that the file holds, or `end` if there is none. */
  nextAllocated(blockIndex: number, end: number): number {
    const last = Math.min(end, this.end) - this.#start;
    for (let index = blockIndex - this.#start; index < last;) {
      const page = this.#pages[index >>> PAGE_BITS] ?? 'empty';
      const first = index & (PAGE_ENTRIES - 1);
      const length = Math.min(PAGE_ENTRIES - first, last - index);
      if (page !== 'empty')
        for (let at = first; at < first + length; at++)
          if (page[at] !== NOT_ALLOCATED) return this.#start + index + at - first;
      index += length;
    }
    return end;
  }
}

/** Fills `entries` from the file, in this machine's byte order. `position`: offset in the file, in bytes. */
export async function readEntries(file: SourceHandle, position: number, entries: Uint32Array): Promise<void> {
  const bytes = Buffer.from(entries.buffer, entries.byteOffset, entries.byteLength);
  await file.read(position, bytes);
  if (endianness() === 'LE') bytes.swap32();
}
