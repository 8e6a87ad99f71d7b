import { endianness } from 'node:os';
import type { SourceHandle } from '../file.js';
import { forEachConcurrent } from '../for-each-concurrent.js';
import { asBytes } from '../table-pages.js';
import { offsetOf } from './entry.js';
import type { Geometry } from './geometry.js';
import { L1_ENTRY } from './layout.js';

/** Pages are read this many bytes at a time, while the ones before are processed. */
const BATCH_BYTES = 1024 * 1024;

/** An L1 table in its file. */
export interface L1Place {
  readonly file: SourceHandle;
  /** In the file, in bytes. */
  readonly offset: number;
  /** Entries that the disk needs. Later ones do not belong to the disk. */
  readonly entries: number;
}

/** Fills `words` from the file, in this machine's byte order. `position`: offset in the file, in bytes. Throws `disk-unreadable`. */
export async function readWords(file: SourceHandle, position: number, words: Uint32Array): Promise<void> {
  await file.read(position, asBytes(words));
  toMachineOrder(words);
}

/** Turns big-endian words into this machine's order, or the reverse. */
export function toMachineOrder({ buffer, byteOffset, byteLength }: Uint32Array): void {
  if (endianness() === 'LE') Buffer.from(buffer, byteOffset, byteLength).swap32();
}

/** A page: the L2 tables of consecutive L1 entries. */
export interface TablePage {
  readonly index: number;
  /** `empty`: there is no table. The memory is used again for later pages. */
  readonly words: Uint32Array | 'empty';
}

/** Reads the L2 tables of an image, page by page. If an L1 entry has no table, its part of the page is zeros. */
export class TableReader {
  readonly #place: L1Place;
  readonly #geometry: Geometry;
  readonly #pageWords: number;

  constructor(place: L1Place, geometry: Geometry) {
    this.#place = place;
    this.#geometry = geometry;
    this.#pageWords = (geometry.pageTables * geometry.clusterSize) / 4;
  }

  /** Reads the part of the L1 table that the disk needs. Throws `disk-unreadable`. */
  async readL1(): Promise<Uint32Array> {
    const words = new Uint32Array(this.#place.entries * 2);
    await readWords(this.#place.file, this.#place.offset, words);
    return words;
  }

  /** Reads one page, with the L1 table that is in the file now. Throws `disk-unreadable`. */
  async readPage(index: number): Promise<Uint32Array> {
    const { file, offset, entries } = this.#place;
    const first = index * this.#geometry.pageTables;
    const l1 = new Uint32Array(Math.min(this.#geometry.pageTables, entries - first) * 2);
    await readWords(file, offset + first * L1_ENTRY, l1);
    const words = new Uint32Array(this.#pageWords);
    await this.#fill(words, l1);
    return words;
  }

  /** Yields all pages in order, with the L1 table that is passed. Reads ahead. Throws `disk-unreadable`. */
  async *pages(l1: Uint32Array): AsyncGenerator<TablePage> {
    const perPage = this.#geometry.pageTables * 2;
    const pageBytes = this.#pageWords * 4;
    const perBatch = Math.max(1, Math.floor(BATCH_BYTES / pageBytes));
    const buffers = [0, 1].map(() => new Uint32Array(perBatch * this.#pageWords));
    const count = Math.ceil(l1.length / perPage);
    let next = this.#batch(l1, { from: 0, perBatch, buffer: buffers[0] });
    let which = 1;
    try {
      for (let from = 0; from < count;) {
        const batch = await next;
        from = batch.end;
        next = this.#batch(l1, { from, perBatch, buffer: buffers[which] });
        // A failure is thrown when the batch is awaited.
        next.catch(() => undefined);
        which = 1 - which;
        yield* batch.pages;
      }
    } finally {
      await next.catch(() => undefined);
    }
  }

  /** Reads the next pages that are not empty, as many as a batch has, and returns them with the empty ones between. */
  async #batch(
    l1: Uint32Array,
    {
      from,
      perBatch,
      buffer = new Uint32Array(0),
    }: { from: number; perBatch: number; buffer: Uint32Array | undefined },
  ): Promise<{ readonly end: number; readonly pages: TablePage[] }> {
    const perPage = this.#geometry.pageTables * 2;
    const count = Math.ceil(l1.length / perPage);
    const pages: TablePage[] = [];
    const reads: [words: Uint32Array, part: Uint32Array][] = [];
    let index = from;
    for (; index < count && reads.length < perBatch && pages.length < 65_536; index++) {
      const part = l1.subarray(index * perPage, (index + 1) * perPage);
      if (isEmpty(part)) {
        pages.push({ index, words: 'empty' });
        continue;
      }
      const words = buffer.subarray(reads.length * this.#pageWords, (reads.length + 1) * this.#pageWords);
      reads.push([words, part]);
      pages.push({ index, words });
    }
    await forEachConcurrent(reads, ([words, part]) => this.#fill(words, part));
    return { end: index, pages };
  }

  /** Fills a page with the tables of its L1 entries; tables that are neighbours in the file are read at once. */
  async #fill(words: Uint32Array, l1: Uint32Array): Promise<void> {
    const { clusterSize } = this.#geometry;
    const tableWords = clusterSize / 4;
    const tables = l1.length / 2;
    for (let table = 0; table < tables;) {
      const offset = offsetOf(l1[table * 2] ?? 0, l1[table * 2 + 1] ?? 0);
      let end = table + 1;
      const follows = (index: number) =>
        offsetOf(l1[index * 2] ?? 0, l1[index * 2 + 1] ?? 0) ===
        (offset === 0 ? 0 : offset + (index - table) * clusterSize);
      while (end < tables && follows(end)) end++;
      const part = words.subarray(table * tableWords, end * tableWords);
      if (offset === 0) part.fill(0);
      else await readWords(this.#place.file, offset, part);
      table = end;
    }
    words.fill(0, tables * tableWords);
  }
}

function isEmpty(words: Uint32Array): boolean {
  for (let at = 0; at < words.length; at += 2) if (offsetOf(words[at] ?? 0, words[at + 1] ?? 0) !== 0) return false;
  return true;
}
