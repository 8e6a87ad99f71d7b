import { createHash, randomBytes } from 'node:crypto';
import { encodeUnit } from '../../seal/unit.js';
import { OBJECT_ID_BYTES, type TocEntry } from '../../toc/entry.js';
import { tocKey } from '../../toc/object-names.js';
import { encodePage, hashOfEntries } from '../../toc/page.js';
import type { RecordedToc } from '../../toc/record.js';
import { contentOf, encodeRoot, type Cutting, type PageRow } from '../../toc/root.js';
import {
  TOC_PART_HEAD,
  clearHashOf,
  encodeTocHead,
  encodeTocPartHead,
  type ClosureEntry,
} from '../../toc/toc-object.js';
import type { Vault } from '../vault.js';
import { NewPlace } from './place.js';
import type { DraftPage } from './page-builder.js';
import type { ParentIndex } from './parent-index.js';
import { placesOf } from '../read/units.js';
import { neededObjects, type NeededObjects } from './presence.js';

/** Page units beyond this many bytes go to objects of their own. */
const MAX_PART = 16 * 1024 * 1024;
/** The most TOC objects that the pages of a version are in. */
const MAX_TOCS = 32;

/** A TOC that was written. */
export interface WrittenToc extends RecordedToc {
  /** Over the pages, hexadecimal. */
  readonly content: string;
  /** Bytes of all its objects. */
  readonly stored: number;
  /** All that the version needs, itself included. */
  readonly needed: NeededObjects;
}

/** Writes the table of contents of a version: pages that the parent has are referred to, the others are written. */
export class TocWriter {
  readonly #vault: Vault;
  readonly #version: string;
  readonly #parent: ParentIndex | undefined;
  readonly #id = randomBytes(OBJECT_ID_BYTES).toString('hex');
  readonly #rows: PageRow[] = [];
  /** Pages whose units are not all stored yet, or that follow one of those. */
  readonly #drafts: DraftPage[] = [];
  /** This TOC, and all others that pages are in. */
  readonly #tocs: string[] = [this.#id];
  readonly #pages: Buffer[] = [];
  #pageBytes = 0;
  readonly #closure = new Map<string, Map<number, number>>();
  /** The TOC objects that were created, and their sizes. */
  readonly #created = new Map<string, number>();

  /** `version`: the uuid of the record, in hexadecimal. */
  constructor(vault: Vault, version: string, parent: ParentIndex | undefined) {
    this.#vault = vault;
    this.#version = version;
    this.#parent = parent;
  }

  /** Adds a page. */
  add(page: DraftPage): void {
    this.#drafts.push(page);
  }

  /** Encodes the pages whose units are all stored. */
  async encodeReady(): Promise<void> {
    for (let page = this.#drafts[0]; page && isReady(page); page = this.#drafts[0]) {
      this.#drafts.shift();
      await this.#encode(page);
    }
  }

  /** Creates the TOC. `chunks`: the sizes of all chunks that it may refer to. */
  async finish(bytes: number, cutting: Cutting, chunks: ReadonlyMap<string, number>): Promise<WrittenToc> {
    await this.encodeReady();
    const closure = this.#closureOf(chunks);
    const head = { id: this.#id, version: this.#version, tocs: this.#tocs, closure };
    const root = { bytes, cutting, clearHash: clearHashOf(head), pages: this.#rows };
    const rootUnit = await encodeUnit(this.#vault.facts.codec, encodeRoot(root));
    const headBytes = Buffer.concat([encodeTocHead(head, rootUnit.length).bytes, rootUnit]);
    await this.#create(this.#id, [headBytes, ...this.#pages]);
    return {
      id: this.#id,
      bytes: headBytes.length + this.#pageBytes,
      head: headBytes.length,
      sha256: createHash('sha256').update(headBytes).digest('hex'),
      content: contentOf(bytes, this.#rows).toString('hex'),
      stored: [...this.#created.values()].reduce((sum, size) => sum + size, 0),
      needed: neededObjects(
        closure.map(({ chunk, size }) => [chunk, size] as const),
        this.#tocs.map((id) => [id, this.#created.get(id)] as const),
      ),
    };
  }

  async #encode({ start, length, entries }: DraftPage): Promise<void> {
    if (entries.length === 0) {
      this.#addZeros(start, length);
      return;
    }
    const hash = hashOfEntries(entries);
    const there = this.#parent?.page(hash, start);
    const toc = there && this.#parent?.toc.placeOf(there.row);
    const index = toc ? this.#tocIndex(toc.toc) : undefined;
    if (there && toc && index !== undefined) {
      const { size, sketchSize } = there.row;
      for (const entry of (await this.#parent?.toc.page(there.index))?.entries ?? []) this.#use(entry);
      const shift = start - there.row.start;
      this.#rows.push({ kind: 'reference', start, length, toc: index, at: toc.at, size, sketchSize, shift, hash });
      return;
    }
    for (const entry of entries) this.#use(entry);
    const unit = await encodeUnit(this.#vault.facts.codec, encodePage({ covered: length, entries }));
    if (this.#pageBytes + unit.length > MAX_PART) await this.#createPart();
    const place = { toc: 0, at: this.#pageBytes, size: unit.length, sketchSize: 0 };
    this.#rows.push({ kind: 'here', start, length, ...place, shift: 0, hash });
    this.#pages.push(unit);
    this.#pageBytes += unit.length;
  }

  #addZeros(start: number, length: number): void {
    const last = this.#rows.at(-1);
    if (last?.kind === 'zero') this.#rows[this.#rows.length - 1] = { ...last, length: last.length + length };
    else this.#rows.push({ kind: 'zero', start, length });
  }

  /** Returns the index of a TOC object, if one more is allowed. */
  #tocIndex(id: string): number | undefined {
    const index = this.#tocs.indexOf(id);
    if (index >= 0) return index;
    return this.#tocs.length < MAX_TOCS ? this.#tocs.push(id) - 1 : undefined;
  }

  /** Moves the pages so far to an object of their own. */
  async #createPart(): Promise<void> {
    const id = randomBytes(OBJECT_ID_BYTES).toString('hex');
    await this.#create(id, [encodeTocPartHead(id, this.#version), ...this.#pages]);
    const toc = this.#tocs.push(id) - 1;
    for (const [index, row] of this.#rows.entries())
      if (row.kind === 'here' && row.toc === 0) this.#rows[index] = { ...row, toc, at: row.at + TOC_PART_HEAD };
    this.#pages.length = 0;
    this.#pageBytes = 0;
  }

  #use(entry: TocEntry): void {
    for (const { chunk, at, size } of placesOf(entry)) {
      const units = this.#closure.get(chunk) ?? new Map<number, number>();
      this.#closure.set(chunk, units.set(at, size));
    }
  }

  #closureOf(sizes: ReadonlyMap<string, number>): ClosureEntry[] {
    return [...this.#closure].map(([chunk, units]) => {
      const size = sizes.get(chunk);
      if (size === undefined) throw new RangeError(`chunk ${chunk} is not known`);
      return { chunk, used: [...units.values()].reduce((sum, bytes) => sum + bytes, 0), size };
    });
  }

  async #create(id: string, parts: readonly Uint8Array[]): Promise<void> {
    // The name is random: an object that is there already is this one, after a lost answer. Its size is compared before the record is made.
    await this.#vault.store.create(tocKey(id), parts);
    this.#created.set(
      id,
      parts.reduce((sum, part) => sum + part.length, 0),
    );
  }
}

function isReady({ entries }: DraftPage): boolean {
  return entries.every((entry) => placesOf(entry).every((place) => !(place instanceof NewPlace) || place.isKnown));
}
