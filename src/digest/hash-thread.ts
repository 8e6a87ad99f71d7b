import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { HashResult, HashTask } from './hash-worker.js';

interface PendingTask {
  readonly resolve: (value: Uint8Array | undefined) => void;
  readonly reject: (error: Error) => void;
}

/** A thread that runs `hash-worker.ts`. It does one task after the other. */
export class HashThread {
  readonly #worker: Worker;
  readonly #pending: PendingTask[] = [];
  #failure: Error | undefined;

  constructor() {
    // The same kind of file as this one: compiled, bundled, or TypeScript under a loader.
    this.#worker = new Worker(new URL(`./hash-worker${extname(new URL(import.meta.url).pathname)}`, import.meta.url));
    this.#worker.unref();
    this.#worker.on('message', ({ value }: HashResult) => {
      this.#pending.shift()?.resolve(value);
      if (this.#pending.length === 0) this.#worker.unref();
    });
    this.#worker.on('error', (error) => {
      this.#fail(error);
    });
    this.#worker.on('exit', () => {
      this.#fail(new Error('a thread that computes digests ended'));
    });
  }

  /** The number of tasks that have not ended. */
  get pendingCount(): number {
    return this.#pending.length;
  }

  /** Runs a task after all earlier ones. Rejects if the thread ends first. */
  run(task: HashTask): Promise<Uint8Array | undefined> {
    return new Promise((resolve, reject) => {
      if (this.#failure) {
        reject(this.#failure);
        return;
      }
      // Only a pending task keeps the process alive.
      if (this.#pending.push({ resolve, reject }) === 1) this.#worker.ref();
      this.#worker.postMessage(task);
    });
  }

  /** Runs a task that has a value, and returns it. */
  async resultOf(task: HashTask): Promise<Uint8Array> {
    const value = await this.run(task);
    if (!value) throw new TypeError(`a worker had no answer to ${task.kind}`);
    return value;
  }

  /** Ends the thread. Pending tasks are rejected. */
  async close(): Promise<void> {
    await this.#worker.terminate();
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const { reject } of this.#pending.splice(0)) reject(this.#failure);
  }
}
