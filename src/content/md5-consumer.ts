import type { Hashing, Md5Stream } from '../digest/hashing.js';
import { totalLength, type RangeSet } from '../bytes/range.js';
import type { Consumer, View } from './scan.js';

/** What follows a disk's content in a blob: zeros that some older tools put there, and the footer. */
export interface BlobForm {
  readonly padding: number;
  readonly footer: Uint8Array;
}

/** Zeros are hashed so many bytes at a time, so that progress is told and a stop is heard. */
const ZEROS = 64 * 1024 * 1024;

/** The MD5 of a disk in the form of a blob. What no layer stores is not read. */
export class Md5Consumer implements Consumer {
  readonly needs: RangeSet;
  readonly seesAll = true;
  /** Where most of the disk is holes, hashing their zeros takes longer than all else. */
  readonly isHeldUp: boolean;
  readonly #size: number;
  readonly #form: BlobForm;
  readonly #stream: Md5Stream;
  readonly #progress: (done: number) => void;
  #position = 0;
  #last: Promise<void> = Promise.resolve();

  /** `data`: where the disk stores bytes. `progress` may throw, to stop. */
  constructor(size: number, data: RangeSet, form: BlobForm, hashing: Hashing, progress: (done: number) => void) {
    this.needs = data;
    this.isHeldUp = size > 2 * totalLength(data);
    this.#size = size;
    this.#form = form;
    this.#stream = hashing.startMd5();
    this.#progress = progress;
  }

  take({ offset, bytes }: View): Promise<void> {
    this.#last = this.#last.then(async () => {
      await this.#zerosUpTo(offset);
      await this.#stream.update(bytes);
      this.#moveTo(offset + bytes.length);
    });
    return this.#last;
  }

  end(): Promise<void> {
    this.#last = this.#last.then(() => this.#zerosUpTo(this.#size + this.#form.padding));
    return this.#last;
  }

  /** 16 bytes; after the pass. */
  async digest(): Promise<Buffer> {
    await this.end();
    await this.#stream.update(this.#form.footer);
    return this.#stream.digest();
  }

  async #zerosUpTo(end: number): Promise<void> {
    while (this.#position < end) {
      const length = Math.min(ZEROS, end - this.#position);
      await this.#stream.zeros(length);
      this.#moveTo(this.#position + length);
    }
  }

  #moveTo(position: number): void {
    this.#position = position;
    this.#progress(position);
  }
}
