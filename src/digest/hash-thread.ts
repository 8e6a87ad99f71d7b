import { WorkerThread, workerFile } from '../threads/worker-thread.js';
import type { HashTask } from './hash-worker.js';

/** A thread that runs `hash-worker.ts`. It does one task after the other. */
export class HashThread extends WorkerThread<HashTask, Uint8Array | undefined> {
  constructor() {
    super(workerFile('hash-worker', import.meta.url), 'computes digests');
  }

  /** Runs a task that has a value, and returns it. */
  async resultOf(task: HashTask): Promise<Uint8Array> {
    const value = await this.run(task);
    if (!value) throw new TypeError(`a worker had no answer to ${task.kind}`);
    return value;
  }
}
