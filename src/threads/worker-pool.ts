import { availableParallelism } from 'node:os';
import type { WorkerThread } from './worker-thread.js';

/** More threads than this would only wait for the disk. */
const MAX_THREADS = 4;

/** Threads for the same kind of task, started when they are needed. */
export class WorkerPool<Thread extends Pick<WorkerThread<never, unknown>, 'pendingCount' | 'close'>> {
  readonly #start: () => Thread;
  readonly #maxThreads: number;
  readonly #threads: Thread[] = [];

  /** `start`: starts a thread. `maxThreads`: default the number of cores, at most 4. */
  constructor(start: () => Thread, maxThreads = Math.min(MAX_THREADS, availableParallelism())) {
    this.#start = start;
    this.#maxThreads = maxThreads;
  }

  /** The most threads there may be. */
  get maxThreads(): number {
    return this.#maxThreads;
  }

  /** The number of threads that were started. */
  get threadCount(): number {
    return this.#threads.length;
  }

  /** Returns the thread with the fewest pending tasks; a new one if all are busy and there may be more. */
  leastBusy(): Thread {
    const best = this.#threads.reduce<Thread | undefined>(
      (least, thread) => (!least || thread.pendingCount < least.pendingCount ? thread : least),
      undefined,
    );
    if (best && (best.pendingCount === 0 || this.#threads.length >= this.#maxThreads)) return best;
    const thread = this.#start();
    this.#threads.push(thread);
    return thread;
  }

  /** Ends all threads. Their pending tasks are rejected. */
  async close(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.close()));
  }
}
