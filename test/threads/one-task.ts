// A process with one task in a thread, which is never closed. Prints the number of the task.
import { WorkerThread, workerFile } from '../../src/threads/worker-thread.js';
import type { TestResult, TestTask } from './tasks-worker.js';

const thread = new WorkerThread<TestTask, TestResult>(workerFile('tasks-worker', import.meta.url), 'runs tests');
void thread.run({ number: 7, ms: 300 }).then(({ number }) => process.stdout.write(`${number}\n`));
