import { formatSize } from '../bytes/format-size.js';
import type { BlobClient } from '@azure/storage-blob';
import type { Range } from '../bytes/range.js';
import { VhdupError } from '../errors.js';
import type { Retrier } from '../run/retry.js';
import { propertiesFrom, type BlobProperties, type Metadata } from './blob-properties.js';
import type { Conditions } from './conditions.js';
import type { Credentials } from './credential.js';
import { uriOf, urlWithSas, type BlobLocation } from './location.js';
import { hasStatus } from './service-error.js';

/** Times in the answer to a change, both in whole seconds. */
export interface ChangeTimes {
  readonly lastModified: Date;
  /** The time of the answer, by the service's clock. */
  readonly date: Date;
}

/**
 * One blob of any type, with a method for each operation of the service that all types have. Requests that fail in passing are
 * repeated. Errors are a `VhdupError` without secrets: see `serviceError`.
 */
export abstract class Blob<Client extends BlobClient = BlobClient> {
  readonly location: BlobLocation;
  readonly credentials: Credentials;
  readonly retrier: Retrier;
  /** The SDK's client, for operations that have files of their own. */
  readonly client: Client;

  /** `makeClient` gets the URL for requests, which may be a secret. */
  constructor(
    location: BlobLocation,
    credentials: Credentials,
    retrier: Retrier,
    makeClient: (authorizedUrl: string) => Client,
  ) {
    this.location = location;
    this.credentials = credentials;
    this.retrier = retrier;
    this.client = makeClient(this.authorizedUrl);
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

  /** Runs a request with retries. `what` completes "cannot …" in messages; `bytes` of content are sent or fetched. */
  run<T>(what: string, request: (abortSignal: AbortSignal) => Promise<T>, bytes = 0): Promise<T> {
    return this.retrier.run({ what, uri: this.uri, bytes }, request);
  }

  /** Returns the blob's properties; `undefined` if there is no such blob or container. */
  async properties(): Promise<BlobProperties | undefined> {
    try {
      return await this.run('read its properties', async (abortSignal) =>
        propertiesFrom(await this.client.getProperties({ abortSignal }), this.location),
      );
    } catch (error) {
      if (error instanceof VhdupError && hasStatus(error, 404)) return undefined;
      throw error;
    }
  }

  /** Returns the properties. Makes one attempt, also after a stop. Throws the SDK's error. */
  async propertiesOnce(abortSignal: AbortSignal, conditions: Conditions): Promise<BlobProperties> {
    return propertiesFrom(await this.client.getProperties({ abortSignal, conditions }), this.location);
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
        this.client.downloadToBuffer(buffer, offset, length, {
          abortSignal,
          conditions,
          concurrency: 1,
          blockSize: Math.max(length, 1),
          maxRetryRequestsPerBlock: 0,
        }),
      length,
    );
  }

  /** Replaces all metadata. */
  async setMetadata(metadata: Metadata, conditions: Conditions): Promise<ChangeTimes> {
    return this.changeTimes(
      await this.run('set its metadata', (abortSignal) =>
        this.client.setMetadata({ ...metadata }, { abortSignal, conditions }),
      ),
    );
  }

  /** Returns the times of an answer. Throws `unexpected` if it has no Last-Modified. */
  protected changeTimes({ lastModified, date = lastModified }: { lastModified?: Date; date?: Date }): ChangeTimes {
    if (lastModified === undefined || date === undefined)
      throw new VhdupError('unexpected', `${this.uri}: the service sent no Last-Modified`);
    return { lastModified, date };
  }

  /** Deletes the blob, or the snapshot that the location names. Does nothing if it does not exist. */
  async delete(conditions: Conditions = {}): Promise<void> {
    await this.run('delete it', (abortSignal) => this.client.deleteIfExists({ abortSignal, conditions }));
  }
}
