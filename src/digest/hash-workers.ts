import { WorkerPool } from '../threads/worker-pool.js';
import { HashThread } from './hash-thread.js';
import { LocalHashing, type Hashing, type Md5Stream } from './hashing.js';
import { md5 } from './md5.js';
import { leafValues } from './tree.js';

/** For buffers of up to this many bytes, a message to another thread takes about as long as the hash itself. */
const MAX_LOCAL_BYTES = 128 * 1024;
/** Up to this many bytes in all are hashed before a thread has even started. */
const MAX_LOCAL_TOTAL = 48 * 1024 * 1024;

/** Returns the fastest way to hash `bytes` bytes in all, with at most `maxThreads` threads as in `WorkerHashing`. */
export function hashingFor(bytes: number, maxThreads?: number): Hashing {
  return bytes > MAX_LOCAL_TOTAL ? new WorkerHashing(maxThreads) : new LocalHashing();
}

/**
 * Computes hashes in other threads, which are started when they are needed. Bytes in shared memory are hashed in place;
 * others are copied to the thread.
 */
export class WorkerHashing implements Hashing {
  readonly #pool: WorkerPool<HashThread>;
  readonly #streamThreads: HashThread[] = [];

  /**
   * `maxThreads`: the most threads for buffers and leaves, default as in `WorkerPool`. Each MD5 of a stream has a thread
   * of its own besides.
   */
  constructor(maxThreads?: number) {
    this.#pool = new WorkerPool(() => new HashThread(), maxThreads);
  }

  startMd5(): Md5Stream {
    const thread = new HashThread();
    this.#streamThreads.push(thread);
    return new WorkerMd5(thread);
  }

  async md5(bytes: Uint8Array): Promise<Uint8Array> {
    return bytes.length <= MAX_LOCAL_BYTES ? md5(bytes) : this.#pool.leastBusy().resultOf({ kind: 'md5', bytes });
  }

  async leaves(bytes: Uint8Array): Promise<Uint8Array> {
    return bytes.length <= MAX_LOCAL_BYTES
      ? leafValues(bytes)
      : this.#pool.leastBusy().resultOf({ kind: 'leaves', bytes });
  }

  async close(): Promise<void> {
    await Promise.all([this.#pool, ...this.#streamThreads].map((threads) => threads.close()));
  }
}

/** An MD5 that is computed in another thread. */
class WorkerMd5 implements Md5Stream {
  readonly #thread: HashThread;

  constructor(thread: HashThread) {
    this.#thread = thread;
  }

  async update(bytes: Uint8Array): Promise<void> {
    await this.#thread.run({ kind: 'md5-update', bytes });
  }

  async zeros(length: number): Promise<void> {
    await this.#thread.run({ kind: 'md5-zeros', length });
  }

  async digest(): Promise<Buffer> {
    return Buffer.from(await this.#thread.resultOf({ kind: 'md5-digest' }));
  }
}
