import type { Md5Stream } from '../digest/hashing.js';
import { totalLength, type RangeSet } from '../bytes/range.js';
import type { BlobForm, DigestInput } from './digest-computation.js';
import type { Consumer, ScannedWindow } from './scan.js';

/** Zeros are hashed this many bytes at a time, so that progress is reported and a stop takes effect soon. */
const MAX_ZEROS = 64 * 1024 * 1024;

/** Computes the MD5 of a disk in the form of a blob. What no layer stores is not read. */
export class Md5Consumer implements Consumer {
  readonly ranges: RangeSet;
  readonly wantsZeros = true;
  /** True if most of the disk is holes: to hash their zeros takes longer than everything else. */
  readonly isSlow: boolean;
  readonly #size: number;
  readonly #form: BlobForm;
  readonly #stream: Md5Stream;
  readonly #onProgress: (done: number) => void;
  #position = 0;
  #last: Promise<void> = Promise.resolve();

  constructor({ size, data, hashing, onProgress }: DigestInput, form: BlobForm) {
    this.ranges = data;
    this.isSlow = size > 2 * totalLength(data);
    this.#size = size;
    this.#form = form;
    this.#stream = hashing.startMd5();
    this.#onProgress = onProgress;
  }

  onWindow({ offset, bytes }: ScannedWindow): Promise<void> {
    this.#last = this.#last.then(async () => {
      await this.#zerosUpTo(offset);
      await this.#stream.update(bytes);
      this.#moveTo(offset + bytes.length);
    });
    return this.#last;
  }

  onEnd(): Promise<void> {
    this.#last = this.#last.then(() => this.#zerosUpTo(this.#size + this.#form.padding));
    return this.#last;
  }

  /** Returns the MD5, 16 bytes, when the scan has ended. */
  async digest(): Promise<Buffer> {
    await this.onEnd();
    await this.#stream.update(this.#form.footer);
    return this.#stream.digest();
  }

  async #zerosUpTo(end: number): Promise<void> {
    while (this.#position < end) {
      const length = Math.min(MAX_ZEROS, end - this.#position);
      await this.#stream.zeros(length);
      this.#moveTo(this.#position + length);
    }
  }

  #moveTo(position: number): void {
    this.#position = position;
    this.#onProgress(position);
  }
}
