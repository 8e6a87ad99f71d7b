import { PageBlobClient } from '@azure/storage-blob';
import { formatSize } from '../bytes/format-size.js';
import type { Range } from '../bytes/range.js';
import { VhdupError } from '../errors.js';
import type { Retrier } from '../run/retry.js';
import { Blob, type ChangeTimes } from './blob.js';
import type { BlobProperties, Metadata } from './blob-properties.js';
import type { Conditions } from './conditions.js';
import type { Credentials } from './credential.js';
import { listPages } from './listing.js';
import type { BlobLocation } from './location.js';
import { putPageFor, type PutPage } from './put-page.js';

/**
 * One page blob, with a method for each operation of the service.
 */
export class PageBlob extends Blob<PageBlobClient> {
  readonly #putPage: PutPage;

  constructor(location: BlobLocation, credentials: Credentials, retrier: Retrier) {
    super(location, credentials, retrier, (url) => new PageBlobClient(url, credentials.pipeline));
    const { client } = this;
    this.#putPage =
      putPageFor(this.authorizedUrl, credentials) ??
      (async ({ offset, length }, content, conditions, abortSignal) => {
        if (content === 'zeros') await client.clearPages(offset, length, { abortSignal, conditions });
        else
          await client.uploadPages(content.bytes, offset, length, {
            abortSignal,
            conditions,
            transactionalContentMD5: content.md5,
          });
      });
  }

  /** Returns the same blob at one of its snapshots. */
  atSnapshot(snapshot: string): PageBlob {
    return new PageBlob({ ...this.location, snapshot }, this.credentials, this.retrier);
  }

  /** Creates an empty blob of `size` bytes; replaces an existing one if the conditions allow it. Returns its ETag. */
  async create(size: number, metadata: Metadata, conditions: Conditions): Promise<string | undefined> {
    const { etag } = await this.run(`create a page blob of ${formatSize(size)}`, (abortSignal) =>
      this.client.create(size, {
        abortSignal,
        metadata: { ...metadata },
        conditions,
        blobHTTPHeaders: { blobContentType: 'application/octet-stream' },
      }),
    );
    return etag;
  }

  /** Writes whole pages, at most 4 MiB. `md5` is the digest of the bytes; the service refuses any others. */
  async write(offset: number, bytes: Uint8Array, md5: Uint8Array, conditions: Conditions): Promise<void> {
    const { length } = bytes;
    await this.run(
      `write ${formatSize(length)} at offset ${offset}`,
      (abortSignal) => this.#putPage({ offset, length }, { bytes, md5 }, conditions, abortSignal),
      length,
    );
  }

  /** Clears whole pages: they read as zeros, and are not stored. */
  async clear(range: Range, conditions: Conditions): Promise<void> {
    await this.run(`clear ${formatSize(range.length)} at offset ${range.offset}`, (abortSignal) =>
      this.#putPage(range, 'zeros', conditions, abortSignal),
    );
  }

  /** Changes the size of the blob to `size` bytes. Pages behind it are lost. */
  async resize(size: number, conditions: Conditions): Promise<void> {
    await this.run(`resize it to ${formatSize(size)}`, (abortSignal) =>
      this.client.resize(size, { abortSignal, conditions }),
    );
  }

  /** Sets Content-MD5, or removes it if `md5` is `undefined`. The other headers stay as they are in the given properties. */
  async setContentMd5(
    md5: Uint8Array | undefined,
    { headers }: BlobProperties,
    conditions: Conditions,
  ): Promise<ChangeTimes> {
    return this.changeTimes(
      await this.run(md5 ? 'set its Content-MD5' : 'remove its Content-MD5', (abortSignal) =>
        this.client.setHTTPHeaders(
          { ...headers, ...(md5 ? { blobContentMD5: md5 } : {}) },
          { abortSignal, conditions },
        ),
      ),
    );
  }

  /** Protects the blob from changes and deletion until then. The service refuses that without version-level immutability. */
  async setImmutableUntil(until: Date): Promise<void> {
    await this.run(`make it immutable until ${until.toISOString()}`, (abortSignal) =>
      this.client.setImmutabilityPolicy({ expiriesOn: until, policyMode: 'Unlocked' }, { abortSignal }),
    );
  }

  /** Returns the ranges that hold pages, in ascending order, as the service lists them: adjacent ones may be separate. */
  async pageRanges(conditions: Conditions): Promise<Range[]> {
    const pages = listPages(
      this.retrier,
      { what: 'list its page ranges', uri: this.uri },
      (abortSignal) => this.client.listPageRanges(0, undefined, { abortSignal, conditions }),
      ({ pageRange }) => pageRange,
    );
    const ranges: Range[] = [];
    for await (const items of pages) {
      for (const { start, end } of items) {
        // The SDK's parser does not check that these are numbers, and an answer may be damaged.
        if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end) || start < 0 || end < start)
          throw new VhdupError(
            'transfer-failed',
            `${this.uri}: cannot list its page ranges: one of them is not a range`,
            {
              hint: 'run the same command to resume',
            },
          );
        ranges.push({ offset: start, length: end - start + 1 });
      }
    }
    return ranges;
  }

  /** Makes a snapshot of the blob if the conditions hold. Returns its time stamp. */
  async snapshot(metadata: Metadata, conditions: Conditions): Promise<string> {
    const { snapshot } = await this.run('make a snapshot', (abortSignal) =>
      this.client.createSnapshot({ abortSignal, metadata: { ...metadata }, conditions }),
    );
    if (snapshot === undefined)
      throw new VhdupError('unexpected', `${this.uri}: the service made a snapshot without a name`);
    return snapshot;
  }
}
