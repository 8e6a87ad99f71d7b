import { crc32 } from 'node:zlib';
import { VhdupError } from '../errors.js';
import { forEachConcurrent } from './for-each-concurrent.js';
import type { MemoryBudget } from './memory-budget.js';

/** At most this many bytes of pages are read again for a stretch, but at least one page: 32 MiB in all for 128 layers with pages of up to that size. */
const LOADED_BYTES = 256 * 1024;

/** A page of a table, as words of 32 bits. A page without an entry in use takes no memory. */
export type Page = Uint32Array | 'empty';

/** Where the pages of a table come from. */
export interface PageSource {
  /** Path of the file, for messages. */
  readonly path: string;
  /** Name of the table, for messages. */
  readonly name: string;
  /** The word that fills an entry that is not in use. */
  readonly emptyWord: number;
  /** Reads a page that is not empty, as it was passed to `TablePages.add`. Throws `disk-unreadable`. */
  read(index: number): Promise<Uint32Array>;
}

/** Consecutive pages that are in memory. */
export interface LoadedPages {
  /** Index of the first page. */
  readonly start: number;
  /** Index of the page after the last one. */
  readonly end: number;
  /** The pages, that of index `start` first. */
  readonly pages: readonly Page[];
}

/** The pages of a checked table. They stay in memory as far as the chain's budget allows; the others are read again when needed. */
export class TablePages {
  readonly #source: PageSource;
  readonly #budget: MemoryBudget;
  readonly #pages: Page[] = [];
  /** The checksum and length of each page that is not in memory: a page that is read again must be the one that was checked. */
  readonly #inFile = new Map<number, { readonly crc: number; readonly bytes: number }>();
  #reserved = 0;
  /** The pages that were returned last: a scan needs them several times. */
  #last: LoadedPages | undefined;

  constructor(source: PageSource, budget: MemoryBudget) {
    this.#source = source;
    this.#budget = budget;
  }

  /** Adds the next page. Keeps a copy, not `words` itself. */
  add(words: Uint32Array | 'empty'): void {
    const { emptyWord } = this.#source;
    if (words === 'empty' || words.every((word) => word === emptyWord)) {
      this.#pages.push('empty');
    } else if (this.#budget.reserve(words.byteLength)) {
      this.#reserved += words.byteLength;
      this.#pages.push(words.slice());
    } else {
      this.#inFile.set(this.#pages.length, { crc: checksumOf(words), bytes: words.byteLength });
      this.#pages.push('empty');
    }
  }

  /** Returns its memory to the budget. */
  release(): void {
    this.#budget.release(this.#reserved);
    this.#reserved = 0;
  }

  /**
   * Returns pages among which is the one with this index: all of the table if it is in memory, else a stretch that begins there or
   * before. Throws `source-changed` if the table in the file has changed.
   */
  from(index: number): LoadedPages | Promise<LoadedPages> {
    const last = this.#last;
    if (last && index >= last.start && index < last.end) return last;
    if (this.#inFile.size > 0) return this.#load(index);
    return (this.#last = { start: 0, end: this.#pages.length, pages: this.#pages });
  }

  async #load(start: number): Promise<LoadedPages> {
    const pages: Page[] = [];
    const missing: { readonly index: number; readonly crc: number }[] = [];
    let bytes = 0;
    for (let index = start; index < this.#pages.length; index++) {
      const onlyInFile = this.#inFile.get(index);
      if (onlyInFile) {
        if (missing.length > 0 && bytes + onlyInFile.bytes > LOADED_BYTES) break;
        bytes += onlyInFile.bytes;
        missing.push({ index, crc: onlyInFile.crc });
      }
      pages.push(this.#pages[index] ?? 'empty');
    }
    await forEachConcurrent(missing, async ({ index, crc }) => {
      const words = await this.#source.read(index);
      if (checksumOf(words) !== crc)
        throw new VhdupError(
          'source-changed',
          `${this.#source.path}: its ${this.#source.name} changed while it was read`,
          { hint: 'stop what writes to it, then run the same command' },
        );
      pages[index - start] = words;
    });
    return (this.#last = { start, end: start + pages.length, pages });
  }
}

/** Returns the memory of words as bytes, in this machine's byte order. */
export function asBytes({ buffer, byteOffset, byteLength }: Uint32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function checksumOf(words: Uint32Array): number {
  return crc32(asBytes(words));
}
