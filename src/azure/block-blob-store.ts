import { randomUUID } from 'node:crypto';
import { VhdupError } from '../errors.js';
import type { Range } from '../bytes/range.js';
import { md5 } from '../digest/md5.js';
import type { Retrier } from '../run/retry.js';
import { ObjectMissing, requireKey, type Store, type StoredObject } from '../store/store.js';
import { BlockBlob } from './block-blob.js';
import { Container } from './container.js';
import type { Credentials } from './credential.js';
import { containerUri, type ContainerLocation } from './location.js';
import { hasStatus } from './service-error.js';

/** What is sent in one request. The service takes up to 256 MiB, and a retry sends all of it again. */
const MAX_REQUEST = 32 * 1024 * 1024;

/** Where a store is: a container, and what the names of its blobs begin with, with a slash at the end, or nothing. */
export interface StoreLocation extends ContainerLocation {
  readonly prefix: string;
}

/** A store of block blobs. */
export class BlockBlobStore implements Store {
  readonly name: string;
  readonly #location: StoreLocation;
  readonly #credentials: Credentials;
  readonly #retrier: Retrier;
  readonly #container: Container;
  readonly #maxRequest: number;

  /** `maxRequest`: larger objects are sent as blocks of this many bytes. */
  constructor(location: StoreLocation, credentials: Credentials, retrier: Retrier, maxRequest = MAX_REQUEST) {
    this.name = `${containerUri(location)}/${location.prefix}`.replace(/\/$/, '');
    this.#location = location;
    this.#credentials = credentials;
    this.#retrier = retrier;
    this.#container = new Container(location, credentials, retrier);
    this.#maxRequest = maxRequest;
  }

  async create(key: string, parts: readonly Uint8Array[]): Promise<'created' | 'exists'> {
    const blob = this.#blob(key);
    const bytes = Buffer.concat(parts);
    const isCreated =
      bytes.length <= this.#maxRequest
        ? await blob.create(bytes, await md5(bytes))
        : await this.#createInBlocks(blob, bytes);
    return isCreated ? 'created' : 'exists';
  }

  async get(key: string, range?: Range): Promise<Buffer> {
    const blob = this.#blob(key);
    const { offset, length } = range ?? { offset: 0, length: await this.#sizeOf(key) };
    if (length === 0) return Buffer.alloc(0);
    try {
      return await blob.read({ offset, length });
    } catch (error) {
      const size = await this.#sizeOf(key, error);
      if (size >= offset + length) throw error;
      throw new VhdupError('vault-damaged', `${blob.uri} has only ${size} bytes`, { cause: error });
    }
  }

  async head(key: string): Promise<StoredObject | undefined> {
    const found = await this.#blob(key).properties();
    return found && { key, size: found.size, modified: found.lastModified.getTime() };
  }

  async *list(prefix: string): AsyncGenerator<StoredObject> {
    const skipped = this.#location.prefix.length;
    for await (const { name, size, lastModified } of this.#container.listBlobs(this.#location.prefix + prefix))
      yield { key: name.slice(skipped), size, modified: lastModified.getTime() };
  }

  async delete(key: string): Promise<void> {
    try {
      await this.#blob(key).delete();
    } catch (error) {
      if (!hasStatus(error, 404)) throw error;
    }
  }

  async now(): Promise<number> {
    return (await this.#container.now()).getTime();
  }

  #blob(key: string): BlockBlob {
    requireKey(key);
    const location = {
      ...this.#location,
      name: this.#location.prefix + key,
      snapshot: undefined,
      versionId: undefined,
    };
    return new BlockBlob(location, this.#credentials, this.#retrier);
  }

  async #sizeOf(key: string, cause?: unknown): Promise<number> {
    const found = await this.head(key);
    if (!found) throw new ObjectMissing(this, key, cause);
    return found.size;
  }

  async #createInBlocks(blob: BlockBlob, bytes: Buffer): Promise<boolean> {
    const run = randomUUID();
    const ids: string[] = [];
    for (let at = 0; at < bytes.length; at += this.#maxRequest) {
      const id = `${run}-${String(ids.length).padStart(6, '0')}`;
      const block = bytes.subarray(at, at + this.#maxRequest);
      await blob.stage(id, block, await md5(block));
      ids.push(id);
    }
    return blob.createFromBlocks(ids);
  }
}
