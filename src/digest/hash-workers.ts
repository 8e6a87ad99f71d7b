import { availableParallelism } from 'node:os';
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { HashAnswer, HashTask } from './hash-worker.js';
import { hashHere, type Hashing, type Md5Stream } from './hashing.js';
import { md5 } from './md5.js';
import { leafValues } from './tree.js';

/** More threads than this would wait for the disk. */
const MAX_WORKERS = 4;
/** Up to so many bytes a message to another thread takes about as long as the work itself. */
const SMALL = 128 * 1024;
/** Up to so many bytes in all are hashed sooner than a thread has started. */
const LITTLE = 48 * 1024 * 1024;

/** What is best for so many bytes in all; `most` as for `hashInWorkers`. */
export function hashingFor(bytes: number, most?: number): Hashing {
  return bytes > LITTLE ? hashInWorkers(most) : hashHere();
}

/**
 * Hashes in worker threads: at most `most` for leaves and MD5s of buffers, and one for each MD5 of a stream. Bytes in
 * shared memory are hashed where they are; others are copied to the thread.
 */
export function hashInWorkers(most = Math.min(MAX_WORKERS, availableParallelism())): Hashing {
  const workers: HashWorker[] = [];
  const spare = (): HashWorker => {
    const idlest = workers.reduce<HashWorker | undefined>(
      (best, worker) => (!best || worker.waiting < best.waiting ? worker : best),
      undefined,
    );
    if (idlest && (idlest.waiting === 0 || workers.length >= most)) return idlest;
    const worker = new HashWorker();
    workers.push(worker);
    return worker;
  };
  const streamWorkers: HashWorker[] = [];
  return {
    startMd5: () => {
      const worker = new HashWorker();
      streamWorkers.push(worker);
      return md5In(worker);
    },
    md5: (bytes) => (bytes.length <= SMALL ? Promise.resolve(md5(bytes)) : valueOf(spare(), { kind: 'md5', bytes })),
    leaves: (bytes) =>
      bytes.length <= SMALL ? Promise.resolve(leafValues(bytes)) : valueOf(spare(), { kind: 'leaves', bytes }),
    close: async () => {
      await Promise.all([...workers, ...streamWorkers].map((worker) => worker.close()));
    },
  };
}

async function valueOf(worker: HashWorker, task: HashTask): Promise<Uint8Array> {
  const value = await worker.ask(task);
  if (!value) throw new TypeError(`a worker had no answer to ${task.kind}`);
  return value;
}

function md5In(worker: HashWorker): Md5Stream {
  return {
    update: async (bytes) => {
      await worker.ask({ kind: 'md5-update', bytes });
    },
    zeros: async (length) => {
      await worker.ask({ kind: 'md5-zeros', length });
    },
    digest: async () => Buffer.from(await valueOf(worker, { kind: 'md5-digest' })),
  };
}

interface Waiting {
  readonly resolve: (value: Uint8Array | undefined) => void;
  readonly reject: (error: Error) => void;
}

/** One thread; it answers in the order in which it is asked. */
class HashWorker {
  readonly #worker: Worker;
  readonly #waiting: Waiting[] = [];
  #failure: Error | undefined;

  constructor() {
    // The same kind of file as this one: compiled, bundled, or TypeScript under a loader.
    this.#worker = new Worker(new URL(`./hash-worker${extname(new URL(import.meta.url).pathname)}`, import.meta.url));
    this.#worker.unref();
    this.#worker.on('message', ({ value }: HashAnswer) => {
      this.#waiting.shift()?.resolve(value);
      if (this.#waiting.length === 0) this.#worker.unref();
    });
    this.#worker.on('error', (error) => {
      this.#fail(error);
    });
    this.#worker.on('exit', () => {
      this.#fail(new Error('a thread that computes digests ended'));
    });
  }

  /** Tasks that it was asked and has not answered. */
  get waiting(): number {
    return this.#waiting.length;
  }

  ask(task: HashTask): Promise<Uint8Array | undefined> {
    return new Promise((resolve, reject) => {
      if (this.#failure) {
        reject(this.#failure);
        return;
      }
      // Only a task that waits keeps the process alive.
      if (this.#waiting.push({ resolve, reject }) === 1) this.#worker.ref();
      this.#worker.postMessage(task);
    });
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const { reject } of this.#waiting.splice(0)) reject(this.#failure);
  }
}
