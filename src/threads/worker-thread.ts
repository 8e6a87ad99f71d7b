import { extname } from 'node:path';
import { Worker, type Transferable } from 'node:worker_threads';

interface PendingTask<Result> {
  readonly resolve: (result: Result) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Returns the file `name` beside the file with the URL `importer`. It is the same kind of file: compiled, bundled, or
 * TypeScript under a loader. The bundle needs each such file as an entry of its own.
 */
export function workerFile(name: string, importer: string): URL {
  return new URL(`./${name}${extname(new URL(importer).pathname)}`, importer);
}

/**
 * A thread with a queue of tasks. It runs a file that calls `answerTasks`, and does one task after the other. Only a
 * pending task keeps the process alive.
 */
export class WorkerThread<Task, Result> {
  readonly #worker: Worker;
  readonly #pending: PendingTask<Result>[] = [];
  #failure: Error | undefined;

  /** `purpose`: what the thread does, such as "computes digests". It is part of the error if the thread ends. */
  constructor(file: URL, purpose: string) {
    this.#worker = new Worker(file);
    this.#worker.unref();
    this.#worker.on('message', (result: Result) => {
      this.#pending.shift()?.resolve(result);
      if (this.#pending.length === 0) this.#worker.unref();
    });
    this.#worker.on('error', (error) => {
      this.#fail(error);
    });
    this.#worker.on('exit', () => {
      this.#fail(new Error(`a thread that ${purpose} ended`));
    });
  }

  /** The number of tasks that have not ended. */
  get pendingCount(): number {
    return this.#pending.length;
  }

  /**
   * Runs a task after all earlier ones. What `transfer` lists belongs to the thread afterwards, and is not copied.
   * Rejects if the thread ends first, or if the task throws, which ends the thread.
   */
  run(task: Task, transfer: readonly Transferable[] = []): Promise<Result> {
    return new Promise((resolve, reject) => {
      if (this.#failure) {
        reject(this.#failure);
        return;
      }
      if (this.#pending.push({ resolve, reject }) === 1) this.#worker.ref();
      this.#worker.postMessage(task, transfer);
    });
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
