const GIB = 1024 ** 3;
const TIB = 1024 * GIB;
const ID_BYTES = 32;
/** The numbers of entries that streams have in a page on average, as powers of two. */
const STREAM_BITS = [6, 7, 9, 12] as const;
/** From this number of pages on, the next version of a stream gets larger ones. */
const MANY_PAGES = 2 ** 18;
/** A run of zeros of a stream that has at least this many bytes is a page of its own. */
const MIN_ZERO_PAGE = 1024 * 1024;

/** Returns how many entries a page of a disk of this size has, as a power of two. */
export function pageBitsOfDisk(bytes: number): number {
  return bytes <= 256 * GIB ? 7 : bytes <= 4 * TIB ? 10 : 12;
}

/** Returns how many entries a page of a stream has on average, as a power of two; `undefined` for an unknown length. */
export function pageBitsOfStream(bytes: number | undefined): number {
  if (bytes === undefined) return 9;
  return bytes <= 4 * GIB ? 6 : bytes <= 64 * GIB ? 7 : bytes <= TIB ? 9 : 12;
}

/** Returns the `pageBits` of the next version of a stream: those of its parent, until that has too many pages. */
export function pageBitsOfIncremental(pageBits: number, pages: number): number {
  return pages < MANY_PAGES ? pageBits : (STREAM_BITS.find((bits) => bits > pageBits) ?? pageBits);
}

/** Finds where the pages of a stream end, by the ids of its pieces: after an insertion they soon end at the same pieces again. */
export class PageCutter {
  readonly #mask: number;
  readonly #least: number;
  readonly #most: number;
  #entries = 0;

  constructor(pageBits: number) {
    this.#mask = 2 ** pageBits - 1;
    this.#least = 2 ** Math.max(0, pageBits - 2);
    this.#most = 2 ** (pageBits + 3);
  }

  /** Counts a piece by its id. Returns true if the page ends behind it. */
  add(id: Uint8Array): boolean {
    const low = (id[ID_BYTES - 2] ?? 0) + (id[ID_BYTES - 1] ?? 0) * 256;
    return this.#count((low & this.#mask) === 0);
  }

  /**
   * Counts a run of zeros, which has to be as long as it can be. It ends no page but a full one (`ends`), unless it is long: then it is
   * `own`, a page by itself, and the page before it ends.
   */
  addZeros(length: number): 'continues' | 'ends' | 'own' {
    if (length < MIN_ZERO_PAGE) return this.#count(false) ? 'ends' : 'continues';
    this.#entries = 0;
    return 'own';
  }

  #count(isCut: boolean): boolean {
    this.#entries++;
    const ends = this.#entries >= this.#most || (this.#entries >= this.#least && isCut);
    if (ends) this.#entries = 0;
    return ends;
  }
}
