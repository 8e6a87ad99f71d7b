import { VhdupError } from '../errors.js';
import type { PageBlob } from '../azure/page-blob.js';
import { hasStatus } from '../azure/service-error.js';
import { rangeSet, type RangeSet } from '../bytes/range.js';

/** The content of a blob as it was seen: every request requires the ETag that the blob had then. */
export class SeenBlob {
  readonly #blob: PageBlob;
  readonly #etag: string;

  constructor(blob: PageBlob, { etag }: { readonly etag: string }) {
    this.#blob = blob;
    this.#etag = etag;
  }

  /** For messages: without a SAS. */
  get uri(): string {
    return this.#blob.uri;
  }

  /** Fills `into` from `offset`. Throws `source-changed` if the blob was changed since. */
  async readInto(offset: number, into: Uint8Array): Promise<void> {
    await this.#blob.readInto(offset, into, { ifMatch: this.#etag }).catch(this.#explain);
  }

  /** Returns the ranges that hold pages. Throws `source-changed` if the blob was changed since. */
  async pageRanges(): Promise<RangeSet> {
    return rangeSet(await this.#blob.pageRanges({ ifMatch: this.#etag }).catch(this.#explain));
  }

  readonly #explain = (error: unknown): never => {
    if (!hasStatus(error, 412)) throw error;
    throw new VhdupError('source-changed', `${this.uri}: it changed while it was compared`, {
      cause: error,
      hint: 'run the same command again',
    });
  };
}
