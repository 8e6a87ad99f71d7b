import { BlockBlobClient } from '@azure/storage-blob';
import { formatSize } from '../bytes/format-size.js';
import { VhdupError } from '../errors.js';
import type { Retrier } from '../run/retry.js';
import { Blob } from './blob.js';
import type { Metadata } from './blob-properties.js';
import type { Conditions } from './conditions.js';
import type { Credentials } from './credential.js';
import type { BlobLocation } from './location.js';
import { ServiceFailure, hasStatus } from './service-error.js';

const CONTENT_TYPE = 'application/octet-stream';

/** The first bytes of a blob, all from one state of it. */
export interface BlobHead {
  readonly bytes: Buffer;
  /** Of the whole blob, in bytes. */
  readonly size: number;
  readonly etag: string;
}

/** One block blob, with a method for each operation of the service. */
export class BlockBlob extends Blob<BlockBlobClient> {
  constructor(location: BlobLocation, credentials: Credentials, retrier: Retrier) {
    super(location, credentials, retrier, (url) => new BlockBlobClient(url, credentials.pipeline));
  }

  /** Returns the first `length` bytes, or all if there are fewer; `undefined` if there is no such blob, or it is empty. */
  async head(length: number): Promise<BlobHead | undefined> {
    try {
      return await this.run(
        `read its first ${formatSize(length)}`,
        async (abortSignal) => {
          const { readableStreamBody, contentRange, contentLength, etag } = await this.client.download(0, length, {
            abortSignal,
            maxRetryRequests: 0,
          });
          const pieces: Buffer[] = [];
          let received = 0;
          for await (const piece of readableStreamBody ?? []) {
            const bytes = Buffer.from(piece);
            if ((received += bytes.length) > length) break;
            pieces.push(bytes);
          }
          const size = Number(/\/(\d+)$/.exec(contentRange ?? '')?.[1] ?? contentLength);
          // A shorter body would look like a damaged blob; as an error of the connection it is requested again.
          if (received !== Math.min(length, size) || etag === undefined)
            throw Object.assign(new Error('the answer is cut short'), { code: 'ECONNRESET' });
          return { bytes: Buffer.concat(pieces), size, etag };
        },
        length,
      );
    } catch (error) {
      if (error instanceof VhdupError && hasStatus(error, 404, 416)) return undefined;
      throw error;
    }
  }

  /**
   * Creates the blob from these bytes, which one request carries. Returns false if one is there already: after a lost answer it may be
   * the caller's own.
   */
  async create(bytes: Uint8Array, md5: Uint8Array): Promise<boolean> {
    const body = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return this.#isCreated(
      this.run(
        `create it with ${formatSize(body.length)}`,
        (abortSignal) =>
          this.client.upload(body, body.length, {
            abortSignal,
            conditions: { ifNoneMatch: '*' },
            blobHTTPHeaders: { blobContentMD5: md5, blobContentType: CONTENT_TYPE },
          }),
        body.length,
      ),
    );
  }

  /** Creates the blob from blocks that were staged. Returns false if one is there already. */
  createFromBlocks(ids: readonly string[]): Promise<boolean> {
    return this.#isCreated(this.commit(ids, {}, { ifNoneMatch: '*' }));
  }

  async #isCreated(request: Promise<unknown>): Promise<boolean> {
    try {
      await request;
      return true;
    } catch (error) {
      if (isThere(error)) return false;
      // A SAS that may only create gets 403 for a name that is in use.
      if (hasStatus(error, 403) && (await this.properties())) return false;
      throw error;
    }
  }

  /** Uploads one block. All blocks of a blob have ids of one length. Nothing is visible until `commit`. */
  async stage(id: string, bytes: Uint8Array, md5: Uint8Array): Promise<void> {
    const body = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    await this.run(
      `write a block of ${formatSize(body.length)}`,
      (abortSignal) =>
        this.client.stageBlock(blockId(id), body, body.length, { abortSignal, transactionalContentMD5: md5 }),
      body.length,
    );
  }

  /** Makes the blob consist of these blocks, in this order. Replaces what is there if the conditions allow it. */
  async commit(ids: readonly string[], metadata: Metadata, conditions: Conditions = {}): Promise<void> {
    await this.run('commit its blocks', (abortSignal) =>
      this.client.commitBlockList(ids.map(blockId), {
        abortSignal,
        conditions,
        metadata: { ...metadata },
        blobHTTPHeaders: { blobContentType: CONTENT_TYPE },
      }),
    );
  }

  /** Creates an empty blob that carries nothing but metadata. Returns false if one is there already. */
  async claim(metadata: Metadata): Promise<boolean> {
    try {
      await this.run('create it', (abortSignal) =>
        this.client.upload('', 0, { abortSignal, metadata: { ...metadata }, conditions: { ifNoneMatch: '*' } }),
      );
      return true;
    } catch (error) {
      if (error instanceof VhdupError && hasStatus(error, 409, 412)) return false;
      throw error;
    }
  }
}

/** Returns true if the service says that there is such a blob; any other conflict is a failure. */
function isThere(error: unknown): boolean {
  const cause = error instanceof VhdupError ? error.cause : undefined;
  return cause instanceof ServiceFailure && (cause.code === 'BlobAlreadyExists' || cause.status === 412);
}

function blockId(id: string): string {
  return Buffer.from(id, 'utf8').toString('base64');
}
