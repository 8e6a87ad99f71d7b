import { parentPort, type Transferable } from 'node:worker_threads';

/** Does a task. If it throws, the thread ends. */
export type TaskHandler<Task, Result> = (task: Task) => Result | Promise<Result>;

/**
 * Answers the tasks of the `WorkerThread` that runs this file, one after the other, in their order. `transferOf`: what of
 * a result is moved instead of copied.
 */
export function answerTasks<Task, Result>(
  resultOf: TaskHandler<Task, Result>,
  transferOf: (result: Result) => readonly Transferable[] = () => [],
): void {
  let last: Promise<void> = Promise.resolve();
  parentPort?.on('message', (task: Task) => {
    last = last.then(async () => {
      const result = await resultOf(task);
      parentPort?.postMessage(result, transferOf(result));
    });
  });
}
