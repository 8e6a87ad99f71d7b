import { formatSize } from '../bytes/format-size.js';
import { PageBlobClient } from '@azure/storage-blob';
import type { Range } from '../bytes/range.js';
import { VhdupError } from '../errors.js';
import type { Retrier } from '../run/retry.js';
import { propertiesFrom, type BlobProperties, type Metadata } from './blob-properties.js';
import type { Conditions } from './conditions.js';
import type { Credentials } from './credential.js';
import { listPages } from './listing.js';
import { uriOf, urlWithSas, type BlobLocation } from './location.js';
import { putPageFor, type PutPage } from './put-page.js';
import { hasStatus } from './service-error.js';

/** Times in the answer to a change, both in whole seconds. */
export interface ChangeTimes {
  readonly lastModified: Date;
  /** The time of the answer, by the service's clock. */
  readonly date: Date;
}

/**
 * One page blob, with a method for each operation of the service. Requests that fail in passing are repeated. Errors are a
 * `VhdupError` without secrets: see `serviceError`.
 */
export class PageBlob {
  readonly location: BlobLocation;
  readonly credentials: Credentials;
  readonly retrier: Retrier;
  readonly #client: PageBlobClient;
  readonly #putPage: PutPage;

  constructor(location: BlobLocation, credentials: Credentials, retrier: Retrier) {
    this.location = location;
    this.credentials = credentials;
    this.retrier = retrier;
    const client = new PageBlobClient(this.authorizedUrl, credentials.pipeline);
    this.#client = client;
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

  /** The URI for messages, without a SAS. */
  get uri(): string {
    return uriOf(this.location);
  }

  /** The URL for requests, with the SAS if there is one. A secret. */
  get authorizedUrl(): string {
    const { sas } = this.credentials;
    return sas === undefined ? this.uri : urlWithSas(this.location, sas);
  }

  /** Returns the same blob at one of its snapshots. */
  atSnapshot(snapshot: string): PageBlob {
    return new PageBlob({ ...this.location, snapshot }, this.credentials, this.retrier);
  }

  /** The SDK's client, for operations that have files of their own. */
  get client(): PageBlobClient {
    return this.#client;
  }

  /** Runs a request with retries. `what` completes "cannot …" in messages; `bytes` of content are sent or fetched. */
  run<T>(what: string, request: (abortSignal: AbortSignal) => Promise<T>, bytes = 0): Promise<T> {
    return this.retrier.run({ what, uri: this.uri, bytes }, request);
  }

  /** Returns the blob's properties; `undefined` if there is no such blob or container. */
  async properties(): Promise<BlobProperties | undefined> {
    try {
      return await this.run('read its properties', async (abortSignal) =>
        propertiesFrom(await this.#client.getProperties({ abortSignal }), this.location),
      );
    } catch (error) {
      if (error instanceof VhdupError && hasStatus(error, 404)) return undefined;
      throw error;
    }
  }

  /** Returns the properties. Makes one attempt, also after a stop. Throws the SDK's error. */
  async propertiesOnce(abortSignal: AbortSignal, conditions: Conditions): Promise<BlobProperties> {
    return propertiesFrom(await this.#client.getProperties({ abortSignal, conditions }), this.location);
  }

  /** Creates an empty blob of `size` bytes; replaces an existing one if the conditions allow it. Returns its ETag. */
  async create(size: number, metadata: Metadata, conditions: Conditions): Promise<string | undefined> {
    const { etag } = await this.run(`create a page blob of ${formatSize(size)}`, (abortSignal) =>
      this.#client.create(size, {
        abortSignal,
        metadata: { ...metadata },
        conditions,
        blobHTTPHeaders: { blobContentType: 'application/octet-stream' },
      }),
    );
    return etag;
  }

  /** Returns the bytes of a range. */
  async read({ offset, length }: Range, conditions: Conditions = {}): Promise<Buffer> {
    const into = Buffer.alloc(length);
    await this.readInto(offset, into, conditions);
    return into;
  }

  /** Reads bytes from `offset` on until `into` is full. */
  async readInto(offset: number, into: Uint8Array, conditions: Conditions): Promise<void> {
    const { length } = into;
    const buffer = Buffer.from(into.buffer, into.byteOffset, length);
    await this.run(
      `read ${formatSize(length)} at offset ${offset}`,
      (abortSignal) =>
        this.#client.downloadToBuffer(buffer, offset, length, {
          abortSignal,
          conditions,
          concurrency: 1,
          blockSize: Math.max(length, 1),
          maxRetryRequestsPerBlock: 0,
        }),
      length,
    );
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
      this.#client.resize(size, { abortSignal, conditions }),
    );
  }

  /** Replaces all metadata. */
  async setMetadata(metadata: Metadata, conditions: Conditions): Promise<ChangeTimes> {
    return this.#changeTimes(
      await this.run('set its metadata', (abortSignal) =>
        this.#client.setMetadata({ ...metadata }, { abortSignal, conditions }),
      ),
    );
  }

  /** Sets Content-MD5, or removes it if `md5` is `undefined`. The other headers stay as they are in the given properties. */
  async setContentMd5(
    md5: Uint8Array | undefined,
    { headers }: BlobProperties,
    conditions: Conditions,
  ): Promise<ChangeTimes> {
    return this.#changeTimes(
      await this.run(md5 ? 'set its Content-MD5' : 'remove its Content-MD5', (abortSignal) =>
        this.#client.setHTTPHeaders(
          { ...headers, ...(md5 ? { blobContentMD5: md5 } : {}) },
          { abortSignal, conditions },
        ),
      ),
    );
  }

  #changeTimes({ lastModified, date = lastModified }: { lastModified?: Date; date?: Date }): ChangeTimes {
    if (lastModified === undefined || date === undefined)
      throw new VhdupError('unexpected', `${this.uri}: the service sent no Last-Modified`);
    return { lastModified, date };
  }

  /** Protects the blob from changes and deletion until then. The service refuses that without version-level immutability. */
  async setImmutableUntil(until: Date): Promise<void> {
    await this.run(`make it immutable until ${until.toISOString()}`, (abortSignal) =>
      this.#client.setImmutabilityPolicy({ expiriesOn: until, policyMode: 'Unlocked' }, { abortSignal }),
    );
  }

  /** Returns the ranges that hold pages, in ascending order, as the service lists them: adjacent ones may be separate. */
  async pageRanges(conditions: Conditions): Promise<Range[]> {
    const pages = listPages(
      this.retrier,
      { what: 'list its page ranges', uri: this.uri },
      (abortSignal) => this.#client.listPageRanges(0, undefined, { abortSignal, conditions }),
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
      this.#client.createSnapshot({ abortSignal, metadata: { ...metadata }, conditions }),
    );
    if (snapshot === undefined)
      throw new VhdupError('unexpected', `${this.uri}: the service made a snapshot without a name`);
    return snapshot;
  }

  /** Deletes the blob, or the snapshot that the location names. Does nothing if it does not exist. */
  async delete(conditions: Conditions = {}): Promise<void> {
    await this.run('delete it', (abortSignal) => this.#client.deleteIfExists({ abortSignal, conditions }));
  }
}
