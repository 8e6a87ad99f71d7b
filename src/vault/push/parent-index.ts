import { partitionPoint } from '../../bytes/partition-point.js';
import { LeafTable } from '../../content/leaf-table.js';
import { ID_BYTES, type TocEntry } from '../../toc/entry.js';
import type { PageRow } from '../../toc/root.js';
import type { Toc } from '../read/toc.js';

/** An entry of the parent; its start is that in the version. */
export interface FoundEntry {
  readonly entry: Exclude<TocEntry, { kind: 'zero' | 'parent' }>;
  readonly start: number;
}

/** A page of the parent. */
export interface FoundPage {
  readonly row: Exclude<PageRow, { kind: 'zero' }>;
  readonly index: number;
}

/** Finds blocks and pages of the parent version by their ids. */
export class ParentIndex {
  readonly toc: Toc;
  readonly #table = new LeafTable();
  /** For each page the number of the first entry in it, counted over all pages. */
  readonly #firsts: number[] = [];
  readonly #byHash = new Map<string, FoundPage>();

  private constructor(toc: Toc) {
    this.toc = toc;
  }

  /** Reads all pages of a version. Throws `vault-damaged`. */
  static async load(toc: Toc): Promise<ParentIndex> {
    const index = new ParentIndex(toc);
    let first = 0;
    for (const [page, row] of toc.root.pages.entries()) {
      index.#firsts.push(first);
      if (row.kind === 'zero') continue;
      const { entries } = await toc.page(page);
      const ids = Buffer.alloc(entries.length * ID_BYTES);
      for (const [at, entry] of entries.entries())
        if (entry.kind !== 'zero' && entry.kind !== 'parent') entry.id.copy(ids, at * ID_BYTES);
      index.#table.add({ index: first, values: ids });
      first += entries.length;
      const hash = row.hash.toString('hex');
      if (!index.#byHash.has(hash)) index.#byHash.set(hash, { row, index: page });
    }
    return index;
  }

  /** Returns the block at a byte of the parent, if it begins there. */
  async at(start: number): Promise<FoundEntry | undefined> {
    const page = this.toc.indexAt(start);
    const row = page === undefined ? undefined : this.toc.root.pages[page];
    if (page === undefined || !row || row.kind === 'zero') return undefined;
    const { entries } = await this.toc.page(page);
    const first = partitionPoint(entries.length, (index) => row.start + (entries[index]?.start ?? 0) < start);
    return found(entries[first], row.start, start);
  }

  /** Returns a block with this id, wherever the parent has it. */
  async find(id: Buffer, length: number): Promise<FoundEntry | undefined> {
    const number = this.#table.find(id);
    if (number === undefined) return undefined;
    const page = partitionPoint(this.#firsts.length, (index) => (this.#firsts[index] ?? 0) <= number) - 1;
    const row = this.toc.root.pages[page];
    const entry = (await this.toc.page(page)).entries[number - (this.#firsts[page] ?? 0)];
    const result = row && entry ? found(entry, row.start, row.start + entry.start) : undefined;
    // The table compares a part of the id only.
    return result?.entry.id.equals(id) && result.entry.length === length ? result : undefined;
  }

  /** Returns a page with the same content; one at the same place is preferred. */
  page(hash: Buffer, start: number): FoundPage | undefined {
    const index = this.toc.indexAt(start);
    const here = index === undefined ? undefined : this.toc.root.pages[index];
    if (index !== undefined && here && here.kind !== 'zero' && here.start === start && here.hash.equals(hash))
      return { row: here, index };
    return this.#byHash.get(hash.toString('hex'));
  }
}

function found(entry: TocEntry | undefined, pageStart: number, start: number): FoundEntry | undefined {
  if (!entry || entry.kind === 'zero' || entry.kind === 'parent') return undefined;
  return pageStart + entry.start === start ? { entry, start } : undefined;
}
