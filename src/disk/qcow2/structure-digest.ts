import { createHash } from 'node:crypto';
import { asBytes } from '../table-pages.js';
import { nextUsed } from './next-used.js';
import type { TablePage } from './table-reader.js';

/** Words that are collected before they are hashed. */
const BUFFER_WORDS = 16 * 1024;

/** A digest of an image's structures: header, L1 and L2 tables. Entries that are zero add nothing, so that sparse tables take no time. */
export class StructureDigest {
  readonly #hash = createHash('sha256');
  readonly #buffer = new Uint32Array(BUFFER_WORDS);
  #length = 0;

  /** Adds bytes, such as the header. */
  addBytes(bytes: Uint8Array): void {
    this.#hash.update(bytes);
  }

  /** Adds an L1 table. */
  addL1(words: Uint32Array): void {
    this.#hash.update(asBytes(words));
  }

  /** Adds a page: for each run of pairs of words that are not zero its place and length, then the words. */
  addPage({ index, words }: TablePage): void {
    if (words === 'empty') return;
    for (let at = nextUsed(words, 0); at < words.length; at = nextUsed(words, at)) {
      const start = at;
      while (at < words.length && ((words[at] ?? 0) | (words[at + 1] ?? 0)) !== 0) at += 2;
      this.#put(index, start, at);
      this.#putWords(words.subarray(start, at));
    }
  }

  /** Returns the SHA-256 in hexadecimal. */
  finish(): string {
    this.#flush();
    return this.#hash.digest('hex');
  }

  #put(first: number, second: number, third: number): void {
    if (this.#length + 3 > BUFFER_WORDS) this.#flush();
    this.#buffer[this.#length++] = first;
    this.#buffer[this.#length++] = second;
    this.#buffer[this.#length++] = third;
  }

  #putWords(words: Uint32Array): void {
    if (this.#length + words.length > BUFFER_WORDS) this.#flush();
    if (words.length > BUFFER_WORDS) {
      this.#hash.update(asBytes(words));
      return;
    }
    if (words.length === 2) {
      this.#buffer[this.#length] = words[0] ?? 0;
      this.#buffer[this.#length + 1] = words[1] ?? 0;
    } else this.#buffer.set(words, this.#length);
    this.#length += words.length;
  }

  #flush(): void {
    this.#hash.update(asBytes(this.#buffer.subarray(0, this.#length)));
    this.#length = 0;
  }
}
