import { endianness } from 'node:os';
import { crc32 } from 'node:zlib';
import { VhdupError } from '../../errors.js';
import type { SourceHandle } from '../file.js';
import { inFlight } from '../in-flight.js';
import type { MemoryBudget } from '../memory-budget.js';
import { NOT_ALLOCATED, SECTOR } from './layout.js';

const PAGE_BITS = 12;
/** Entries of a page: 16 KiB of the file. */
export const PAGE_ENTRIES = 2 ** PAGE_BITS;
/** So many pages are loaded for a stretch: with 128 layers that makes 32 MiB. */
const LOADED_PAGES = 16;

/** A part of a BAT that is in memory: asking it waits for nothing. */
export interface BatStretch {
  /** First block behind it. */
  readonly end: number;
  /** Where a block begins in the file, its bitmap first; `undefined` where the file does not hold it. */
  position(blockIndex: number): number | undefined;
  /** The first block from `blockIndex` on that the file holds, or `end` where none before it is one. */
  nextAllocated(blockIndex: number, end: number): number;
}

/** A page without a block takes no memory. */
type Page = Uint32Array | 'empty';

/** The pages of a checked BAT: in memory as far as the budget of the chain goes, else read again when they are needed. */
export class BatPages {
  readonly #file: SourceHandle;
  readonly #tableOffset: number;
  readonly #entries: number;
  readonly #budget: MemoryBudget;
  readonly #pages: Page[] = [];
  /** The checksums of pages that are not kept, to know them again. */
  readonly #left = new Map<number, number>();
  #taken = 0;
  /** What was loaded last: a scan comes back to it. */
  #last: LoadedPages | undefined;

  constructor(file: SourceHandle, tableOffset: number, entries: number, budget: MemoryBudget) {
    this.#file = file;
    this.#tableOffset = tableOffset;
    this.#entries = entries;
    this.#budget = budget;
  }

  /** Adds the next page, of `PAGE_ENTRIES` entries but for the last; what is kept of it is a copy. */
  add(entries: Uint32Array): void {
    if (entries.every((sector) => sector === NOT_ALLOCATED)) {
      this.#pages.push('empty');
    } else if (this.#budget.take(entries.byteLength)) {
      this.#taken += entries.byteLength;
      this.#pages.push(entries.slice());
    } else {
      this.#left.set(this.#pages.length, checksumOf(entries));
      this.#pages.push('empty');
    }
  }

  /** Gives the memory back. */
  release(): void {
    this.#budget.give(this.#taken);
    this.#taken = 0;
  }

  /** The table from a block on: all of it where it is in memory, else as much as a small amount of memory holds. */
  from(blockIndex: number): BatStretch | Promise<BatStretch> {
    const last = this.#last;
    if (last && blockIndex >= last.start && blockIndex < last.end) return last;
    if (this.#left.size > 0) return this.#load(blockIndex >>> PAGE_BITS);
    return this.#last = new LoadedPages(this.#pages, 0, this.#entries);
  }

  async #load(first: number): Promise<BatStretch> {
    const pages: Page[] = [];
    const missing: { readonly index: number; readonly crc: number; readonly entries: Uint32Array }[] = [];
    for (let index = first; index < this.#pages.length && missing.length < LOADED_PAGES; index++) {
      const crc = this.#left.get(index);
      if (crc === undefined) {
        pages.push(this.#pages[index] ?? 'empty');
      } else {
        const entries = new Uint32Array(Math.min(PAGE_ENTRIES, this.#entries - index * PAGE_ENTRIES));
        pages.push(entries);
        missing.push({ index, crc, entries });
      }
    }
    await inFlight(missing, async ({ index, crc, entries }) => {
      await readEntries(this.#file, this.#tableOffset + index * PAGE_ENTRIES * 4, entries);
      if (checksumOf(entries) !== crc) throw new VhdupError('source-changed', `${this.#file.path}: its BAT changed while it was read`, { hint: 'stop what writes to it, then run the same command' });
    });
    const start = first * PAGE_ENTRIES;
    return this.#last = new LoadedPages(pages, start, Math.min(this.#entries, start + pages.length * PAGE_ENTRIES));
  }
}

/** Pages that follow each other. */
class LoadedPages implements BatStretch {
  readonly start: number;
  readonly end: number;
  readonly #pages: readonly Page[];

  constructor(pages: readonly Page[], start: number, end: number) {
    this.#pages = pages;
    this.start = start;
    this.end = end;
  }

  position(blockIndex: number): number | undefined {
    const index = blockIndex - this.start;
    const page = this.#pages[index >>> PAGE_BITS] ?? 'empty';
    const sector = page === 'empty' ? NOT_ALLOCATED : page[index & (PAGE_ENTRIES - 1)] ?? NOT_ALLOCATED;
    return sector === NOT_ALLOCATED ? undefined : sector * SECTOR;
  }

  nextAllocated(blockIndex: number, end: number): number {
    const last = Math.min(end, this.end) - this.start;
    for (let index = blockIndex - this.start; index < last;) {
      const page = this.#pages[index >>> PAGE_BITS] ?? 'empty';
      const first = index & (PAGE_ENTRIES - 1);
      const length = Math.min(PAGE_ENTRIES - first, last - index);
      if (page !== 'empty') for (let at = first; at < first + length; at++) if (page[at] !== NOT_ALLOCATED) return this.start + index + at - first;
      index += length;
    }
    return end;
  }
}

/** Fills `entries` from the file, in the order of this machine. */
export async function readEntries(file: SourceHandle, position: number, entries: Uint32Array): Promise<void> {
  const bytes = Buffer.from(entries.buffer, entries.byteOffset, entries.byteLength);
  await file.read(position, bytes);
  if (endianness() === 'LE') bytes.swap32();
}

function checksumOf(entries: Uint32Array): number {
  return crc32(new Uint8Array(entries.buffer, entries.byteOffset, entries.byteLength));
}
