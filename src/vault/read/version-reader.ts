import { endOf, type Range } from '../../bytes/range.js';
import type { TocEntry } from '../../toc/entry.js';
import type { Vault } from '../vault.js';
import { Toc, nameOf } from './toc.js';
import { FetchedUnits, placesOf } from './units.js';

/** What is fetched at a time, in bytes of the version. */
const MAX_BATCH = 8 * 1024 * 1024;

/** Reads a version at any byte. */
export class VersionReader {
  readonly toc: Toc;
  readonly #vault: Vault;
  /** The block that was read last: small reads often follow each other. */
  #last: { readonly start: number; readonly bytes: Buffer } | undefined;

  constructor(vault: Vault, toc: Toc) {
    this.#vault = vault;
    this.toc = toc;
  }

  /** Bytes of the version. */
  get size(): number {
    return this.toc.root.bytes;
  }

  /** Fills a buffer with what the version has from `offset` on. Throws `RangeError` behind its end, and `vault-damaged`. */
  async read(offset: number, into: Uint8Array): Promise<void> {
    const end = offset + into.length;
    if (offset < 0 || end > this.size) throw new RangeError(`bytes ${offset} to ${end} of ${this.size}`);
    for (let from = offset; from < end; from += MAX_BATCH) {
      const to = Math.min(from + MAX_BATCH, end);
      await this.#readBatch(from, into.subarray(from - offset, to - offset));
    }
  }

  /** Yields the entries that cover a range, in order; their starts are those in the version. A page of zeros is one entry. */
  async *entries({ offset, length }: Range = { offset: 0, length: this.size }): AsyncGenerator<TocEntry> {
    const end = offset + length;
    for (let index = length === 0 ? undefined : this.toc.indexAt(offset); index !== undefined; index++) {
      const row = this.toc.root.pages[index];
      if (!row || row.start >= end) return;
      if (row.kind === 'zero') {
        yield { kind: 'zero', start: row.start, length: row.length };
        continue;
      }
      for (const entry of (await this.toc.page(index)).entries) {
        const start = row.start + entry.start;
        if (start < end && start + entry.length > offset) yield { ...entry, start };
      }
    }
  }

  async #readBatch(offset: number, into: Uint8Array): Promise<void> {
    const range = { offset, length: into.length };
    const entries: TocEntry[] = [];
    for await (const entry of this.entries(range)) entries.push(entry);
    const last = this.#last;
    const missing = entries.filter(({ start }) => start !== last?.start);
    const units = await FetchedUnits.fetch(this.#vault, missing.flatMap(placesOf));
    for (const entry of entries) {
      const from = Math.max(entry.start, offset);
      const to = Math.min(entry.start + entry.length, endOf(range));
      const target = into.subarray(from - offset, to - offset);
      if (entry.kind === 'zero') target.fill(0);
      else {
        const bytes = entry.start === last?.start ? last.bytes : await this.#bytesOf(entry, units);
        target.set(bytes.subarray(from - entry.start, to - entry.start));
      }
    }
  }

  async #bytesOf(entry: TocEntry, units: FetchedUnits): Promise<Buffer> {
    const { record, root } = this.toc;
    const where = `${nameOf(record)}: bytes ${entry.start} to ${entry.start + entry.length}`;
    const bytes = await units.bytesOf(entry, root.cutting.by === 'fixed', where);
    this.#last = { start: entry.start, bytes };
    return bytes;
  }
}
