import { ContainerClient, type BlobItem, type ContainerListBlobFlatSegmentResponse } from '@azure/storage-blob';
import type { Retrier } from '../run/retry.js';
import type { Metadata } from './blob-properties.js';
import type { Credentials } from './credential.js';
import { listPages } from './listing.js';
import { containerUri, uriOf, type BlobLocation } from './location.js';
import type { PageBlob } from './page-blob.js';

/** A page blob in a listing of its container. */
export interface ListedBlob {
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  readonly metadata: Metadata;
  readonly hasContentMd5: boolean;
}

/** The container of a blob. */
export class Container {
  readonly #location: BlobLocation;
  readonly #client: ContainerClient;
  readonly #retrier: Retrier;

  constructor(location: BlobLocation, { pipeline, sas }: Credentials, retrier: Retrier) {
    this.#location = location;
    this.#retrier = retrier;
    this.#client = new ContainerClient(`${containerUri(location)}${sas === undefined ? '' : `?${sas}`}`, pipeline);
  }

  /** Returns all page blobs, without snapshots. Block and append blobs are left out. */
  async pageBlobs(): Promise<ListedBlob[]> {
    const pages = listPages(
      this.#retrier,
      { what: 'list the container', uri: containerUri(this.#location) },
      (abortSignal) => this.#client.listBlobsFlat({ abortSignal, includeMetadata: true }),
      blobItemsOf,
    );
    const blobs: ListedBlob[] = [];
    for await (const items of pages) {
      for (const { name, properties, metadata } of items) {
        if (properties.blobType !== 'PageBlob') continue;
        blobs.push({
          name,
          size: properties.contentLength ?? 0,
          metadata: metadata ?? {},
          hasContentMd5: (properties.contentMD5?.length ?? 0) > 0,
        });
      }
    }
    return blobs;
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

function blobItemsOf({ segment }: ContainerListBlobFlatSegmentResponse): readonly BlobItem[] {
  return segment.blobItems;
}
