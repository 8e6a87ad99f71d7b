import { PageBlobClient, type BlobGetPropertiesResponse } from '@azure/storage-blob';
import type { Range } from '../bytes/range.js';
import { VhdupError } from '../errors.js';
import type { Access } from './credential.js';
import { uriOf, type BlobLocation } from './location.js';
import { listing } from './listing.js';
import { putPageFor, type PutPage } from './page-writes.js';
import type { Retrier } from '../run/retry.js';
import { failureOf } from './service-error.js';

/** The metadata of a blob, by key. Keys have no case. */
export type Metadata = Readonly<Record<string, string>>;

/** What the service says of a blob. */
export interface BlobProperties {
  readonly size: number;
  readonly type: string | undefined;
  readonly etag: string;
  readonly lastModified: Date;
  readonly contentMd5: Buffer | undefined;
  readonly metadata: Metadata;
  readonly lease: { readonly state: string | undefined; readonly infinite: boolean };
  /** What keeps the blob from changing, in words; `undefined` where nothing does. */
  readonly protection: string | undefined;
  readonly copy:
    | {
        readonly id: string;
        readonly status: string;
        readonly description: string | undefined;
        readonly progress: string | undefined;
        readonly completedAt: Date | undefined;
      }
    | undefined;
  /** The time of the answer, by the service's clock. */
  readonly date: Date;
  /** True for the Azurite emulator, whose copies share pages with their source. */
  readonly emulator: boolean;
  readonly headers: BlobHeaders;
}

/** Times in the answer to a change. Both have whole seconds. */
export interface Changed {
  readonly lastModified: Date;
  /** The time of the answer, by the service's clock. */
  readonly date: Date;
}

/** The properties that Set Blob HTTP Headers replaces, all at once. */
export interface BlobHeaders {
  readonly blobContentType?: string;
  readonly blobContentEncoding?: string;
  readonly blobContentLanguage?: string;
  readonly blobContentDisposition?: string;
  readonly blobCacheControl?: string;
}

export interface Conditions {
  readonly ifMatch?: string;
  readonly ifNoneMatch?: string;
  readonly leaseId?: string;
}

/** One page blob, a verb for each thing that the service does. Every verb retries what is worth it. */
export class PageBlob {
  readonly location: BlobLocation;
  readonly access: Access;
  readonly retrier: Retrier;
  readonly #client: PageBlobClient;
  readonly #putPage: PutPage;

  constructor(location: BlobLocation, access: Access, retrier: Retrier) {
    this.location = location;
    this.access = access;
    this.retrier = retrier;
    const client = new PageBlobClient(this.secretUrl, access.pipeline);
    this.#client = client;
    this.#putPage =
      putPageFor(this.secretUrl, access) ??
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

  /** For messages: never with a SAS. */
  get uri(): string {
    return uriOf(this.location);
  }

  /** With the SAS, for requests only. */
  get secretUrl(): string {
    const { sas } = this.access;
    return sas === undefined ? this.uri : `${this.uri}${this.uri.includes('?') ? '&' : '?'}${sas}`;
  }

  /** The same blob at one of its snapshots. */
  atSnapshot(snapshot: string): PageBlob {
    return new PageBlob({ ...this.location, snapshot }, this.access, this.retrier);
  }

  /** The client of the SDK, for the verbs that have files of their own. */
  get client(): PageBlobClient {
    return this.#client;
  }

  /** Runs a request under the retry policy; `what` completes "cannot …". */
  run<T>(what: string, request: (abortSignal: AbortSignal) => Promise<T>, bytes = 0): Promise<T> {
    return this.retrier.run({ what, uri: this.uri, bytes }, request);
  }

  /** `undefined` where there is no such blob (or container). */
  async properties(): Promise<BlobProperties | undefined> {
    try {
      return await this.run('read its properties', async (abortSignal) =>
        propertiesFrom(await this.#client.getProperties({ abortSignal }), this.location),
      );
    } catch (error) {
      if (error instanceof VhdupError && failureOf(error.cause).status === 404) return undefined;
      throw error;
    }
  }

  /** The properties in one attempt, also after a stop. */
  async propertiesNow(abortSignal: AbortSignal, conditions: Conditions): Promise<BlobProperties> {
    return propertiesFrom(await this.#client.getProperties({ abortSignal, conditions }), this.location);
  }

  /** Makes an empty blob of `size` bytes, in place of any that the conditions allow to be there; returns its ETag. */
  async create(size: number, metadata: Metadata, conditions: Conditions): Promise<string | undefined> {
    const { etag } = await this.run(`create a page blob of ${size} bytes`, (abortSignal) =>
      this.#client.create(size, {
        abortSignal,
        metadata: { ...metadata },
        conditions,
        blobHTTPHeaders: { blobContentType: 'application/octet-stream' },
      }),
    );
    return etag;
  }

  async read({ offset, length }: Range, conditions: Conditions = {}): Promise<Buffer> {
    const into = Buffer.alloc(length);
    await this.readInto(offset, into, conditions);
    return into;
  }

  /** Fills `into` from `offset`. */
  async readInto(offset: number, into: Uint8Array, conditions: Conditions): Promise<void> {
    const { length } = into;
    const buffer = Buffer.from(into.buffer, into.byteOffset, length);
    await this.run(
      `read ${length} bytes at ${offset}`,
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

  /** Puts whole pages, at most 4 MiB; `md5` is that of the bytes, and the service refuses others. */
  async write(offset: number, bytes: Uint8Array, md5: Uint8Array, conditions: Conditions): Promise<void> {
    const { length } = bytes;
    await this.run(
      `write ${length} bytes at ${offset}`,
      (abortSignal) => this.#putPage({ offset, length }, { bytes, md5 }, conditions, abortSignal),
      length,
    );
  }

  async clear(range: Range, conditions: Conditions): Promise<void> {
    await this.run(`clear ${range.length} bytes at ${range.offset}`, (abortSignal) =>
      this.#putPage(range, 'zeros', conditions, abortSignal),
    );
  }

  async resize(size: number, conditions: Conditions): Promise<void> {
    await this.run(`resize it to ${size} bytes`, (abortSignal) =>
      this.#client.resize(size, { abortSignal, conditions }),
    );
  }

  /** Replaces all metadata. */
  async setMetadata(metadata: Metadata, conditions: Conditions): Promise<Changed> {
    return this.#changed(
      await this.run('set its metadata', (abortSignal) =>
        this.#client.setMetadata({ ...metadata }, { abortSignal, conditions }),
      ),
    );
  }

  /** Sets or removes Content-MD5 and keeps the other headers as `properties` found them. */
  async setContentMd5(
    md5: Uint8Array | undefined,
    { headers }: BlobProperties,
    conditions: Conditions,
  ): Promise<Changed> {
    return this.#changed(
      await this.run(md5 ? 'set its Content-MD5' : 'remove its Content-MD5', (abortSignal) =>
        this.#client.setHTTPHeaders(
          { ...headers, ...(md5 ? { blobContentMD5: md5 } : {}) },
          { abortSignal, conditions },
        ),
      ),
    );
  }

  #changed({ lastModified, date = lastModified }: { lastModified?: Date; date?: Date }): Changed {
    if (lastModified === undefined || date === undefined)
      throw new VhdupError('unexpected', `${this.uri}: the service sent no Last-Modified`);
    return { lastModified, date };
  }

  /** Keeps the blob from being changed or deleted until then; accounts without version-level immutability refuse it. */
  async setImmutableUntil(until: Date): Promise<void> {
    await this.run(`make it immutable until ${until.toISOString()}`, (abortSignal) =>
      this.#client.setImmutabilityPolicy({ expiriesOn: until, policyMode: 'Unlocked' }, { abortSignal }),
    );
  }

  /** The ranges that hold pages, in order, as the service lists them: neighbours may be split. */
  async pageRanges(conditions: Conditions): Promise<Range[]> {
    const pages = listing(
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
          throw new VhdupError('transfer-failed', `${this.uri}: cannot list its page ranges: one of them is no range`, {
            hint: 'run the same command to resume',
          });
        ranges.push({ offset: start, length: end - start + 1 });
      }
    }
    return ranges;
  }

  /** Makes a snapshot of the blob as it is under `conditions`; returns its time stamp. */
  async snapshot(metadata: Metadata, conditions: Conditions): Promise<string> {
    const { snapshot } = await this.run('make a snapshot', (abortSignal) =>
      this.#client.createSnapshot({ abortSignal, metadata: { ...metadata }, conditions }),
    );
    if (snapshot === undefined)
      throw new VhdupError('unexpected', `${this.uri}: the service made a snapshot without a name`);
    return snapshot;
  }

  /** Deletes the blob, or the snapshot that the location names; being gone already is fine. */
  async delete(conditions: Conditions = {}): Promise<void> {
    await this.run('delete it', (abortSignal) => this.#client.deleteIfExists({ abortSignal, conditions }));
  }
}

function propertiesFrom(found: BlobGetPropertiesResponse, location: BlobLocation): BlobProperties {
  const { etag, contentLength, lastModified, copyId, copyStatus } = found;
  if (etag === undefined || contentLength === undefined || lastModified === undefined)
    throw new VhdupError('unexpected', `${uriOf(location)}: the service sent no ETag, length or Last-Modified`);
  const infinite = found.leaseState === 'leased' && found.leaseDuration === 'infinite';
  return {
    size: contentLength,
    type: found.blobType,
    etag,
    lastModified,
    contentMd5: found.contentMD5 && found.contentMD5.length > 0 ? Buffer.from(found.contentMD5) : undefined,
    metadata: found.metadata ?? {},
    lease: { state: found.leaseState, infinite },
    protection: protectionOf(found, location, infinite),
    copy:
      copyId === undefined || copyStatus === undefined
        ? undefined
        : {
            id: copyId,
            status: copyStatus,
            description: found.copyStatusDescription,
            progress: found.copyProgress,
            completedAt: found.copyCompletedOn,
          },
    date: found.date ?? lastModified,
    emulator: found._response.headers.get('server')?.startsWith('Azurite') ?? false,
    headers: {
      ...(found.contentType === undefined ? {} : { blobContentType: found.contentType }),
      ...(found.contentEncoding === undefined ? {} : { blobContentEncoding: found.contentEncoding }),
      ...(found.contentLanguage === undefined ? {} : { blobContentLanguage: found.contentLanguage }),
      ...(found.contentDisposition === undefined ? {} : { blobContentDisposition: found.contentDisposition }),
      ...(found.cacheControl === undefined ? {} : { blobCacheControl: found.cacheControl }),
    },
  };
}

function protectionOf(
  found: BlobGetPropertiesResponse,
  { snapshot, versionId }: BlobLocation,
  infinite: boolean,
): string | undefined {
  if (snapshot !== undefined) return 'it is a snapshot';
  if (versionId !== undefined) return 'it is a version';
  if (found.legalHold) return 'a legal hold';
  if (
    found.immutabilityPolicyMode !== undefined &&
    found.immutabilityPolicyExpiresOn &&
    found.immutabilityPolicyExpiresOn.getTime() > Date.now()
  )
    return `an immutability policy until ${found.immutabilityPolicyExpiresOn.toISOString()}`;
  return infinite ? 'an infinite lease' : undefined;
}
