import { ZEROS } from '../bytes/zeros.js';
import { md5, startMd5 } from './md5.js';
import { leafValues } from './tree.js';

/** An MD5 under way. Its calls have effect in the order in which they are made; none needs to wait for another. */
export interface Md5Stream {
  /** Takes bytes, which have to stay as they are until this has ended. */
  update(bytes: Uint8Array): Promise<void>;
  /** Takes so many zeros. */
  zeros(length: number): Promise<void>;
  digest(): Promise<Buffer>;
}

/** Where hashing is done: in this thread, or in others. */
export interface Hashing {
  startMd5(): Md5Stream;
  /** MD5 of bytes that stay as they are until this has ended. */
  md5(bytes: Uint8Array): Promise<Uint8Array>;
  /** `leafValues` of bytes that stay as they are until this has ended. */
  leaves(bytes: Uint8Array): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** In this thread: for little, where another would take longer to start. */
export function hashHere(): Hashing {
  return {
    startMd5: () => new Md5Here(),
    md5: (bytes) => Promise.resolve(md5(bytes)),
    leaves: (bytes) => Promise.resolve(leafValues(bytes)),
    close: () => Promise.resolve(),
  };
}

/** An MD5 in the thread that makes it. */
export class Md5Here implements Md5Stream {
  readonly #running = startMd5();
  #last: Promise<void> = Promise.resolve();

  update(bytes: Uint8Array): Promise<void> {
    return this.#then(async () => void (await this.#running).update(bytes));
  }

  zeros(length: number): Promise<void> {
    return this.#then(async () => {
      const running = await this.#running;
      for (let left = length; left > 0; left -= ZEROS.length)
        running.update(ZEROS.subarray(0, Math.min(left, ZEROS.length)));
    });
  }

  async digest(): Promise<Buffer> {
    await this.#last;
    return (await this.#running).digest();
  }

  #then(step: () => Promise<void>): Promise<void> {
    this.#last = this.#last.then(step);
    return this.#last;
  }
}
