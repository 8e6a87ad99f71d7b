import { availableParallelism } from 'node:os';
import { HashThread } from './hash-thread.js';
import { LocalHashing, type Hashing, type Md5Stream } from './hashing.js';
import { md5 } from './md5.js';
import { leafValues } from './tree.js';

/** More threads than this would only wait for the disk. */
const MAX_THREADS = 4;
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
  readonly #maxThreads: number;
  readonly #threads: HashThread[] = [];
  readonly #streamThreads: HashThread[] = [];

  /** `maxThreads`: the most threads for buffers and leaves. Each MD5 of a stream has a thread of its own besides. */
  constructor(maxThreads = Math.min(MAX_THREADS, availableParallelism())) {
    this.#maxThreads = maxThreads;
  }

  startMd5(): Md5Stream {
    const thread = new HashThread();
    this.#streamThreads.push(thread);
    return new WorkerMd5(thread);
  }

  async md5(bytes: Uint8Array): Promise<Uint8Array> {
    return bytes.length <= MAX_LOCAL_BYTES ? md5(bytes) : this.#leastBusy().resultOf({ kind: 'md5', bytes });
  }

  async leaves(bytes: Uint8Array): Promise<Uint8Array> {
    return bytes.length <= MAX_LOCAL_BYTES ? leafValues(bytes) : this.#leastBusy().resultOf({ kind: 'leaves', bytes });
  }

  async close(): Promise<void> {
    await Promise.all([...this.#threads, ...this.#streamThreads].map((thread) => thread.close()));
  }

  /** Returns the thread with the fewest pending tasks; a new one if all are busy and there may be more. */
  #leastBusy(): HashThread {
    const best = this.#threads.reduce<HashThread | undefined>(
      (least, thread) => (!least || thread.pendingCount < least.pendingCount ? thread : least),
      undefined,
    );
    if (best && (best.pendingCount === 0 || this.#threads.length >= this.#maxThreads)) return best;
    const thread = new HashThread();
    this.#threads.push(thread);
    return thread;
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
