import { endianness } from 'node:os';
import { crc32 } from 'node:zlib';
import { VhdupError } from '../../errors.js';
import type { SourceHandle } from '../file.js';
import { forEachConcurrent } from '../for-each-concurrent.js';
import type { MemoryBudget } from '../memory-budget.js';
import { NOT_ALLOCATED, SECTOR } from './layout.js';

const PAGE_BITS = 12;
/** Entries of a page: 16 KiB of the file. */
export const PAGE_ENTRIES = 2 ** PAGE_BITS;
/** At most this many pages are read again for a stretch: 32 MiB in all for 128 layers. */
const LOADED_PAGES = 16;

/** A part of a BAT that is in memory. */
export interface BatStretch {
  /** The index of the first block after it. */
  readonly end: number;
  /** Returns the offset of a block's bitmap in the file; the block follows it. `undefined` if the file does not hold the block. */
  position(blockIndex: number): number | undefined;
  /** Returns the first block in `[blockIndex, end)` that the file holds, or `end` if there is none. */
  nextAllocated(blockIndex: number, end: number): number;
}

/** A page without an allocated block takes no memory. */
type Page = Uint32Array | 'empty';

/** The pages of a checked BAT. They stay in memory as far as the chain's budget allows; the others are read again when needed. */
export class BatPages {
  readonly #file: SourceHandle;
  readonly #tableOffset: number;
  readonly #entries: number;
  readonly #budget: MemoryBudget;
  readonly #pages: Page[] = [];
  /** The checksums of pages that are not in memory: a page that is read again must be the one that was checked. */
  readonly #checksums = new Map<number, number>();
  #reserved = 0;
  /** The stretch that was returned last: a scan asks for it several times. */
  #last: LoadedPages | undefined;

  constructor(file: SourceHandle, tableOffset: number, entries: number, budget: MemoryBudget) {
    this.#file = file;
    this.#tableOffset = tableOffset;
    this.#entries = entries;
    this.#budget = budget;
  }

  /** Adds the next page. Each has `PAGE_ENTRIES` entries; the last may have fewer. Keeps a copy, not `entries` itself. */
  add(entries: Uint32Array): void {
    if (entries.every((sector) => sector === NOT_ALLOCATED)) {
      this.#pages.push('empty');
    } else if (this.#budget.reserve(entries.byteLength)) {
      this.#reserved += entries.byteLength;
      this.#pages.push(entries.slice());
    } else {
      this.#checksums.set(this.#pages.length, checksumOf(entries));
      this.#pages.push('empty');
    }
  }

  /** Returns its memory to the budget. */
  release(): void {
    this.#budget.release(this.#reserved);
    this.#reserved = 0;
  }

  /**
   * Returns a part of the table that contains the block: all of the table if it is in memory, else a stretch that begins at or
   * before the block. Throws `source-changed` if the table in the file has changed.
   */
  from(blockIndex: number): BatStretch | Promise<BatStretch> {
    const last = this.#last;
    if (last && blockIndex >= last.start && blockIndex < last.end) return last;
    if (this.#checksums.size > 0) return this.#load(blockIndex >>> PAGE_BITS);
    return (this.#last = new LoadedPages(this.#pages, 0, this.#entries));
  }

  async #load(first: number): Promise<BatStretch> {
    const pages: Page[] = [];
    const missing: { readonly index: number; readonly crc: number; readonly entries: Uint32Array }[] = [];
    for (let index = first; index < this.#pages.length && missing.length < LOADED_PAGES; index++) {
      const crc = this.#checksums.get(index);
      if (crc === undefined) {
        pages.push(this.#pages[index] ?? 'empty');
      } else {
        const entries = new Uint32Array(Math.min(PAGE_ENTRIES, this.#entries - index * PAGE_ENTRIES));
        pages.push(entries);
        missing.push({ index, crc, entries });
      }
    }
    await forEachConcurrent(missing, async ({ index, crc, entries }) => {
      await readEntries(this.#file, this.#tableOffset + index * PAGE_ENTRIES * 4, entries);
      if (checksumOf(entries) !== crc)
        throw new VhdupError('source-changed', `${this.#file.path}: its BAT changed while it was read`, {
          hint: 'stop what writes to it, then run the same command',
        });
    });
    const start = first * PAGE_ENTRIES;
    return (this.#last = new LoadedPages(pages, start, Math.min(this.#entries, start + pages.length * PAGE_ENTRIES)));
  }
}

/** Consecutive pages. */
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
    const sector = page === 'empty' ? NOT_ALLOCATED : (page[index & (PAGE_ENTRIES - 1)] ?? NOT_ALLOCATED);
    return sector === NOT_ALLOCATED ? undefined : sector * SECTOR;
  }

  nextAllocated(blockIndex: number, end: number): number {
    const last = Math.min(end, this.end) - this.start;
    for (let index = blockIndex - this.start; index < last;) {
      const page = this.#pages[index >>> PAGE_BITS] ?? 'empty';
      const first = index & (PAGE_ENTRIES - 1);
      const length = Math.min(PAGE_ENTRIES - first, last - index);
      if (page !== 'empty')
        for (let at = first; at < first + length; at++)
          if (page[at] !== NOT_ALLOCATED) return this.start + index + at - first;
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

/** Returns the memory of entries as bytes, in this machine's byte order. */
export function asBytes({ buffer, byteOffset, byteLength }: Uint32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function checksumOf(entries: Uint32Array): number {
  return crc32(asBytes(entries));
}
