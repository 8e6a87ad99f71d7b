import { PageCutter } from '../../cut/page-cut.js';
import { MAX_BLOCK, MAX_ZERO_RUN, type TocEntry } from '../../toc/entry.js';
import type { Cutting } from '../../toc/root.js';

/** A page whose units may still be on their way. */
export interface DraftPage {
  readonly start: number;
  readonly length: number;
  /** Starts are those in the page; empty: the page is zero. */
  readonly entries: readonly TocEntry[];
}

/** Makes pages of entries, which come in order and without gaps. Starts are those in the version. */
export interface PageBuilder {
  /** Returns the pages that end with this entry. */
  add(entry: TocEntry): DraftPage[];
  /** Returns the last page, if there is one. */
  finish(): DraftPage[];
}

/** Returns what makes the pages of a version. */
export function pageBuilder({ by, pageBits }: Cutting): PageBuilder {
  return by === 'fixed' ? new FixedPages(2 ** pageBits * MAX_BLOCK) : new CutPages(pageBits);
}

/** Collects the entries of one page. */
class OpenPage {
  #start = 0;
  #length = 0;
  #entries: TocEntry[] = [];
  #isZero = true;

  get length(): number {
    return this.#length;
  }

  /** The end of the page so far, in bytes of the version. */
  get end(): number {
    return this.#start + this.#length;
  }

  add(entry: TocEntry): void {
    const last = this.#entries.at(-1);
    if (entry.kind === 'zero' && last?.kind === 'zero' && last.length + entry.length <= MAX_ZERO_RUN)
      this.#entries[this.#entries.length - 1] = { ...last, length: last.length + entry.length };
    else this.#entries.push({ ...entry, start: this.#length });
    this.#length += entry.length;
    this.#isZero &&= entry.kind === 'zero';
  }

  /** Ends the page, and begins the next one. */
  take(): DraftPage[] {
    if (this.#length === 0) return [];
    const page = { start: this.#start, length: this.#length, entries: this.#isZero ? [] : this.#entries };
    [this.#start, this.#length, this.#entries, this.#isZero] = [this.end, 0, [], true];
    return [page];
  }
}

/** Pages of a disk: each covers the same number of bytes. */
class FixedPages implements PageBuilder {
  readonly #pageBytes: number;
  readonly #page = new OpenPage();

  constructor(pageBytes: number) {
    this.#pageBytes = pageBytes;
  }

  add(entry: TocEntry): DraftPage[] {
    const pages: DraftPage[] = [];
    for (let rest = entry; rest.length > 0;) {
      const room = this.#pageBytes - this.#page.length;
      // Only runs of zeros can be longer than what is left.
      const length = Math.min(room, rest.length);
      this.#page.add({ ...rest, length });
      if (this.#page.length === this.#pageBytes) pages.push(...this.#page.take());
      rest = { ...rest, start: rest.start + length, length: rest.length - length };
    }
    return pages;
  }

  finish(): DraftPage[] {
    return this.#page.take();
  }
}

/** Pages of a stream: they end by the ids of its pieces. */
class CutPages implements PageBuilder {
  readonly #cutter: PageCutter;
  readonly #page = new OpenPage();
  /** Zeros that may become a page. */
  #zeros = 0;

  constructor(pageBits: number) {
    this.#cutter = new PageCutter(pageBits);
  }

  add(entry: TocEntry): DraftPage[] {
    if (entry.kind === 'zero') {
      this.#zeros += entry.length;
      return [];
    }
    const pages = this.#endZeros();
    this.#page.add(entry);
    if (entry.kind !== 'parent' && this.#cutter.add(entry.id)) pages.push(...this.#page.take());
    return pages;
  }

  finish(): DraftPage[] {
    return [...this.#endZeros(), ...this.#page.take()];
  }

  #endZeros(): DraftPage[] {
    const zeros = this.#zeros;
    this.#zeros = 0;
    if (zeros === 0) return [];
    const place = this.#cutter.addZeros(zeros);
    const before = place === 'own' ? this.#page.take() : [];
    this.#page.add({ kind: 'zero', start: this.#page.end, length: zeros });
    return place === 'continues' ? before : [...before, ...this.#page.take()];
  }
}
