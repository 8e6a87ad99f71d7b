const GIB = 1024 ** 3;
const TIB = 1024 * GIB;

/** Returns how many entries a page of a disk of this size has, as a power of two. */
export function pageBitsOfDisk(bytes: number): number {
  return bytes <= 256 * GIB ? 7 : bytes <= 4 * TIB ? 10 : 12;
}

/** Returns how many entries a page of a stream has on average, as a power of two; `undefined` for an unknown length. */
export function pageBitsOfStream(bytes: number | undefined): number {
  if (bytes === undefined) return 9;
  return bytes <= 4 * GIB ? 6 : bytes <= 64 * GIB ? 7 : bytes <= TIB ? 9 : 12;
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

  /** Counts an entry. Returns true if the page ends behind it. `id`: of the piece; `undefined` for zeros, which end no page. */
  add(id: Uint8Array | undefined): boolean {
    this.#entries++;
    const low = id === undefined ? undefined : (id[ID_BYTES - 2] ?? 0) + (id[ID_BYTES - 1] ?? 0) * 256;
    const ends =
      this.#entries >= this.#most || (this.#entries >= this.#least && low !== undefined && (low & this.#mask) === 0);
    if (ends) this.#entries = 0;
    return ends;
  }

  /** Begins a page, whatever the one before has. */
  begin(): void {
    this.#entries = 0;
  }
}

const ID_BYTES = 32;
