import { ContainerClient, type BlobItem, type ContainerListBlobFlatSegmentResponse } from '@azure/storage-blob';
import type { Access } from './credential.js';
import { listing } from './listing.js';
import { containerUri, uriOf, type BlobLocation } from './location.js';
import { PageBlob, type Metadata } from './page-blob.js';
import type { Retrier } from '../run/retry.js';

/** A page blob as a listing has it. */
export interface ListedBlob {
  readonly name: string;
  readonly size: number;
  readonly metadata: Metadata;
  readonly hasContentMd5: boolean;
}

/** The container of a blob: its listing. */
export class Container {
  readonly #location: BlobLocation;
  readonly #client: ContainerClient;
  readonly #retrier: Retrier;

  constructor(location: BlobLocation, { pipeline, sas }: Access, retrier: Retrier) {
    this.#location = location;
    this.#retrier = retrier;
    this.#client = new ContainerClient(`${containerUri(location)}${sas === undefined ? '' : `?${sas}`}`, pipeline);
  }

  /** All page blobs with their metadata, snapshots apart. */
  async pageBlobs(): Promise<ListedBlob[]> {
    const pages = listing(
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

  /** Deletes the snapshots of a blob whose metadata has this key with this value. */
  async deleteSnapshots(of: PageBlob, key: string, value: string): Promise<void> {
    const pages = listing(
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
