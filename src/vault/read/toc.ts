import { createHash } from 'node:crypto';
import { partitionPoint } from '../../bytes/partition-point.js';
import { decodeUnit } from '../../seal/unit.js';
import { BadStructure } from '../../toc/bad-structure.js';
import { tocKey } from '../../toc/object-names.js';
import { hashOfEntries, parsePage, type Page } from '../../toc/page.js';
import type { VersionRecord } from '../../toc/record.js';
import { contentOf, parseRoot, type PageRow, type Root } from '../../toc/root.js';
import { parseTocHead, type ParsedTocHead } from '../../toc/toc-object.js';
import { reading } from '../damage.js';
import type { Vault } from '../vault.js';

/** The most bytes of a page or of a root. */
const MAX_PAGE = 64 * 1024 * 1024;
/** Pages that are kept for the next look. */
const MAX_PAGES = 64;

/** The table of contents of a version. Every part is checked when it is read: the head and the root by the record, a page by the root. */
export class Toc {
  readonly record: VersionRecord;
  readonly head: ParsedTocHead;
  readonly root: Root;
  readonly #vault: Vault;
  /** The pages that were read last. */
  readonly #pages = new Map<number, Promise<Page>>();

  private constructor(vault: Vault, record: VersionRecord, head: ParsedTocHead, root: Root) {
    this.#vault = vault;
    this.record = record;
    this.head = head;
    this.root = root;
  }

  /** Reads the head and the root. Throws `vault-damaged`. */
  static async open(vault: Vault, record: VersionRecord): Promise<Toc> {
    const { toc, facts } = record;
    const where = `${nameOf(record)}: ${tocKey(toc.id)}`;
    const bytes = await vault.store.get(tocKey(toc.id), { offset: 0, length: toc.head });
    return reading(vault.store, where, async () => {
      if (createHash('sha256').update(bytes).digest('hex') !== toc.sha256)
        throw new BadStructure('TOC: head', 0, 'is not the one of the record');
      const head = parseTocHead(bytes);
      if (head.id !== toc.id || head.version !== record.uuid.replaceAll('-', ''))
        throw new BadStructure('TOC: id', 0, 'is not that of the record');
      const plain = await decodeUnit(bytes.subarray(head.rootAt, head.rootAt + head.rootLength), MAX_PAGE);
      const root = parseRoot(plain, head.tocs.length);
      if (!root.clearHash.equals(head.clearHash))
        throw new BadStructure('root: clearHash', 24, 'is not that of the head');
      if (root.bytes !== facts.bytes || contentOf(root.bytes, root.pages).toString('hex') !== facts.content)
        throw new BadStructure('root: content', 0, 'is not that of the record');
      return new Toc(vault, record, head, root);
    });
  }

  /** Returns the index of the page that covers a byte; `undefined` behind the end. */
  indexAt(offset: number): number | undefined {
    const { pages, bytes } = this.root;
    if (offset >= bytes) return undefined;
    return partitionPoint(pages.length, (index) => (pages[index]?.start ?? 0) <= offset) - 1;
  }

  /** Returns a page that is not zero. Throws `vault-damaged`. */
  page(index: number): Promise<Page> {
    const kept = this.#pages.get(index);
    this.#pages.delete(index);
    const page = kept ?? this.#read(index);
    this.#pages.set(index, page);
    const [oldest] = this.#pages.keys();
    if (this.#pages.size > MAX_PAGES && oldest !== undefined) this.#pages.delete(oldest);
    page.catch(() => this.#pages.delete(index));
    return page;
  }

  /** Returns the TOC object that has a page, and where in it the page's unit is. */
  placeOf({ toc, at }: Exclude<PageRow, { kind: 'zero' }>): { readonly toc: string; readonly at: number } {
    return { toc: this.head.tocs[toc] ?? '', at: toc === 0 ? this.record.toc.head + at : at };
  }

  async #read(index: number): Promise<Page> {
    const row = this.root.pages[index];
    if (!row || row.kind === 'zero') return { covered: row?.length ?? 0, entries: [] };
    const { toc, at } = this.placeOf(row);
    const where = `${nameOf(this.record)}: ${tocKey(toc)}: the page of bytes ${row.start} to ${row.start + row.length}`;
    const unit = await this.#vault.store.get(tocKey(toc), { offset: at, length: row.size });
    return reading(this.#vault.store, where, async () => {
      const page = parsePage(await decodeUnit(unit, MAX_PAGE));
      if (page.covered !== row.length || !hashOfEntries(page.entries).equals(row.hash))
        throw new BadStructure('page: hash', 0, 'is not the one of the root');
      return page;
    });
  }
}

/** Returns the name of a version for messages. */
export function nameOf({ dataset, seq }: Pick<VersionRecord, 'dataset' | 'seq'>): string {
  return `${dataset}@${seq}`;
}
