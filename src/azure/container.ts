import { VhdupError } from '../errors.js';
import { ContainerClient, type BlobItem, type ContainerListBlobFlatSegmentResponse } from '@azure/storage-blob';
import type { Retrier } from '../run/retry.js';
import { protectionBy, type Metadata } from './blob-properties.js';
import type { Credentials } from './credential.js';
import { listPages } from './listing.js';
import { containerUri, uriOf, type ContainerLocation } from './location.js';
import type { PageBlob } from './page-blob.js';

/** A page blob in a listing of its container. */
export interface ListedBlob {
  readonly name: string;
  readonly type: 'PageBlob';
  /** Bytes. */
  readonly size: number;
  readonly metadata: Metadata;
  readonly contentMd5: Buffer | undefined;
  /** The time of the last change by the service's clock, in whole seconds. */
  readonly lastModified: Date;
  /** What protects the blob from changes, in words; `undefined` if nothing does. */
  readonly protection: string | undefined;
  /** The service's last copy to it. */
  readonly copy: { readonly status: string } | undefined;
}

/** A container of blobs. */
export class Container {
  readonly #location: ContainerLocation;
  readonly #client: ContainerClient;
  readonly #retrier: Retrier;

  constructor(location: ContainerLocation, { pipeline, sas }: Credentials, retrier: Retrier) {
    this.#location = location;
    this.#retrier = retrier;
    this.#client = new ContainerClient(`${containerUri(location)}${sas === undefined ? '' : `?${sas}`}`, pipeline);
  }

  /** Returns all page blobs, without snapshots. Block and append blobs are left out. */
  async pageBlobs(): Promise<ListedBlob[]> {
    const pages = listPages(
      this.#retrier,
      { what: 'list the container', uri: containerUri(this.#location) },
      (abortSignal) =>
        this.#client.listBlobsFlat({
          abortSignal,
          includeMetadata: true,
          includeCopy: true,
          includeImmutabilityPolicy: true,
          includeLegalHold: true,
        }),
      blobItemsOf,
    );
    const blobs: ListedBlob[] = [];
    for await (const items of pages) blobs.push(...items.flatMap(listedPageBlob));
    return blobs;
  }

  /** Returns name and metadata of all blobs of any type whose names begin with `prefix`. */
  async blobsWithPrefix(prefix: string): Promise<{ readonly name: string; readonly metadata: Metadata }[]> {
    const pages = listPages(
      this.#retrier,
      { what: `list the blobs below ${prefix}`, uri: containerUri(this.#location) },
      (abortSignal) => this.#client.listBlobsFlat({ abortSignal, prefix, includeMetadata: true }),
      blobItemsOf,
    );
    const blobs: { readonly name: string; readonly metadata: Metadata }[] = [];
    for await (const items of pages) {
      for (const { name, metadata } of items) blobs.push({ name, metadata: metadata ?? {} });
    }
    return blobs;
  }

  /** Yields name, size and time of all blobs of any type whose names begin with `prefix`, as pages of the listing come. */
  async *listBlobs(
    prefix: string,
  ): AsyncGenerator<{ readonly name: string; readonly size: number; readonly lastModified: Date }> {
    const pages = listPages(
      this.#retrier,
      { what: `list the blobs below ${prefix}`, uri: containerUri(this.#location) },
      (abortSignal) => this.#client.listBlobsFlat({ abortSignal, prefix }),
      blobItemsOf,
    );
    for await (const items of pages)
      for (const { name, properties } of items)
        yield { name, size: properties.contentLength ?? 0, lastModified: properties.lastModified };
  }

  /** Returns the time by the service's clock, in whole seconds: that of an answer, whatever it says. */
  async now(): Promise<Date> {
    const pages = listPages(
      this.#retrier,
      { what: 'list the container', uri: containerUri(this.#location) },
      (abortSignal) => this.#client.listBlobsFlat({ abortSignal, prefix: 'vault.json' }),
      ({ date }) => (date ? [date] : []),
    );
    for await (const [date] of pages) if (date) return date;
    throw new VhdupError('transfer-failed', `${containerUri(this.#location)}: the answer has no date`);
  }

  /** Deletes the snapshots of a blob whose metadata has the value `value` under `key`. */
  async deleteSnapshots(of: PageBlob, key: string, value: string): Promise<void> {
    const pages = listPages(
      this.#retrier,
      { what: 'list its snapshots', uri: uriOf(of.location) },
      (abortSignal) =>
        this.#client.listBlobsFlat({
          abortSignal,
          prefix: of.location.name,
          includeMetadata: true,
          includeSnapshots: true,
        }),
      blobItemsOf,
    );
    const found: string[] = [];
    for await (const items of pages) {
      for (const { name, snapshot, metadata } of items) {
        if (name === of.location.name && snapshot && metadata?.[key] === value) found.push(snapshot);
      }
    }
    for (const snapshot of found) await of.atSnapshot(snapshot).delete();
  }
}

/** Returns an item of a listing if it is a page blob; otherwise nothing. */
function listedPageBlob({ name, properties, metadata }: BlobItem): ListedBlob[] {
  const { blobType, contentLength, contentMD5, lastModified, copyStatus, leaseState, leaseDuration } = properties;
  if (blobType !== 'PageBlob') return [];
  const contentMd5 = contentMD5 && contentMD5.length > 0 ? Buffer.from(contentMD5) : undefined;
  return [
    {
      name,
      type: blobType,
      size: contentLength ?? 0,
      metadata: metadata ?? {},
      contentMd5,
      lastModified,
      protection: protectionBy(properties, leaseState === 'leased' && leaseDuration === 'infinite'),
      copy: copyStatus === undefined ? undefined : { status: copyStatus },
    },
  ];
}

function blobItemsOf({ segment }: ContainerListBlobFlatSegmentResponse): readonly BlobItem[] {
  return segment.blobItems;
}
