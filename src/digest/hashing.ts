import { ZEROS } from '../bytes/zeros.js';
import { md5, startMd5 } from './md5.js';
import { leafValues } from './tree.js';

/** An MD5 that is being computed. Calls take effect in order, so none has to wait for the one before. */
export interface Md5Stream {
  /** Adds bytes, which must not change until the promise has settled. */
  update(bytes: Uint8Array): Promise<void>;
  /** Adds `length` zeros. */
  zeros(length: number): Promise<void>;
  /** Returns the MD5, 16 bytes. Nothing may be added afterwards. */
  digest(): Promise<Buffer>;
}

/** Computes hashes, in this thread or in others. */
export interface Hashing {
  /** Starts the MD5 of a stream. */
  startMd5(): Md5Stream;
  /** Returns the MD5 of bytes, which must not change until the promise has settled. */
  md5(bytes: Uint8Array): Promise<Uint8Array>;
  /** Returns the `leafValues` of bytes, which must not change until the promise has settled. */
  leaves(bytes: Uint8Array): Promise<Uint8Array>;
  /** Ends all threads. Never throws. */
  close(): Promise<void>;
}

/** Computes hashes in this thread. Best for a few bytes, because another thread would take longer to start. */
export class LocalHashing implements Hashing {
  startMd5(): Md5Stream {
    return new LocalMd5();
  }

  md5(bytes: Uint8Array): Promise<Uint8Array> {
    return md5(bytes);
  }

  leaves(bytes: Uint8Array): Promise<Uint8Array> {
    return Promise.resolve(leafValues(bytes));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** An MD5 that is computed in this thread. */
export class LocalMd5 implements Md5Stream {
  readonly #hasher = startMd5();
  #last: Promise<void> = Promise.resolve();

  constructor() {
    // The first step that needs the hasher reports that there is none.
    this.#hasher.catch(() => undefined);
  }

  update(bytes: Uint8Array): Promise<void> {
    return this.#then(async () => void (await this.#hasher).update(bytes));
  }

  zeros(length: number): Promise<void> {
    return this.#then(async () => {
      const hasher = await this.#hasher;
      for (let left = length; left > 0; left -= ZEROS.length)
        hasher.update(ZEROS.subarray(0, Math.min(left, ZEROS.length)));
    });
  }

  async digest(): Promise<Buffer> {
    await this.#last;
    return (await this.#hasher).digest();
  }

  #then(step: () => Promise<void>): Promise<void> {
    this.#last = this.#last.then(step);
    return this.#last;
  }
}
