import type { SourceHandle } from '../file.js';
import type { MemoryBudget } from '../memory-budget.js';
import { TablePages, type LoadedPages, type Page } from '../table-pages.js';
import { EMPTY_WORD, entryOf, readEntries, wordOf, type BatLayout } from './bat-layout.js';

const PAGE_BITS = 12;
/** Payload blocks of a page. */
export const PAGE_BLOCKS = 2 ** PAGE_BITS;

/** Location and layout of a BAT in its file. */
export interface TablePlace {
  readonly file: SourceHandle;
  /** Offset in the file, in bytes. */
  readonly tableOffset: number;
  readonly layout: BatLayout;
}

/** The payload entries of a checked BAT, as words of `wordOf`. */
export class BatPages {
  readonly #layout: BatLayout;
  readonly #pages: TablePages;

  constructor(place: TablePlace, budget: MemoryBudget) {
    this.#layout = place.layout;
    const read = (index: number) => readPage(place, index);
    this.#pages = new TablePages({ path: place.file.path, name: 'BAT', emptyWord: EMPTY_WORD, read }, budget);
  }

  /** Adds the next page. Each has `PAGE_BLOCKS` words; the last may have fewer. Keeps a copy, not `words` itself. */
  add(words: Uint32Array): void {
    this.#pages.add(words);
  }

  /** Returns its memory to the budget. */
  release(): void {
    this.#pages.release();
  }

  /** Returns a part of the table that contains the block; see `TablePages.from`. */
  async from(blockIndex: number): Promise<BatStretch> {
    return new BatStretch(await this.#pages.from(blockIndex >>> PAGE_BITS), this.#layout.blocks);
  }
}

async function readPage({ file, tableOffset, layout }: TablePlace, index: number): Promise<Uint32Array> {
  const start = index * PAGE_BLOCKS;
  const words = new Uint32Array(Math.min(PAGE_BLOCKS, layout.blocks - start));
  const first = entryOf(start, layout);
  const raw = new Uint32Array((entryOf(start + words.length - 1, layout) - first + 1) * 2);
  await readEntries(file, tableOffset, first, raw);
  for (let block = 0; block < words.length; block++) {
    const at = (entryOf(start + block, layout) - first) * 2;
    words[block] = wordOf(raw[at] ?? 0, raw[at + 1] ?? 0, layout.isDifferencing);
  }
  return words;
}

/** A part of a BAT that is in memory. */
export class BatStretch {
  /** The index of the first block after it. */
  readonly end: number;
  readonly #start: number;
  readonly #pages: readonly Page[];

  /** `blocks`: of the whole table. */
  constructor({ start, end, pages }: LoadedPages, blocks: number) {
    this.#pages = pages;
    this.#start = start * PAGE_BLOCKS;
    this.end = Math.min(blocks, end * PAGE_BLOCKS);
  }

  /** Returns the word of a block; see `wordOf`. */
  word(blockIndex: number): number {
    const index = blockIndex - this.#start;
    const page = this.#pages[index >>> PAGE_BITS] ?? 'empty';
    return page === 'empty' ? EMPTY_WORD : (page[index & (PAGE_BLOCKS - 1)] ?? EMPTY_WORD);
  }

  /** Returns the first block in `[blockIndex, end)` whose word is another one, or `end` if there is none. */
  nextOther(blockIndex: number, end: number, word: number): number {
    const last = Math.min(end, this.end) - this.#start;
    for (let index = blockIndex - this.#start; index < last;) {
      const page = this.#pages[index >>> PAGE_BITS] ?? 'empty';
      const first = index & (PAGE_BLOCKS - 1);
      const length = Math.min(PAGE_BLOCKS - first, last - index);
      if (page !== 'empty') {
        for (let at = first; at < first + length; at++) if (page[at] !== word) return this.#start + index + at - first;
      } else if (word !== EMPTY_WORD) return this.#start + index;
      index += length;
    }
    return end;
  }
}
