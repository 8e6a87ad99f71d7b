import { parentPort } from 'node:worker_threads';
import { LocalMd5 } from './hashing.js';
import { md5 } from './md5.js';
import { leafValues } from './tree.js';

/** A task for a worker thread. */
export type HashTask =
  | { readonly kind: 'leaves'; readonly bytes: Uint8Array }
  | { readonly kind: 'md5'; readonly bytes: Uint8Array }
  | { readonly kind: 'md5-update'; readonly bytes: Uint8Array }
  | { readonly kind: 'md5-zeros'; readonly length: number }
  | { readonly kind: 'md5-digest' };

/** The result of a task. There is one for each task, in the order of the tasks. */
export interface HashResult {
  readonly value: Uint8Array | undefined;
}

/** A worker has one stream at a time. */
let stream: LocalMd5 | undefined;

async function resultOf(task: HashTask): Promise<Uint8Array | undefined> {
  if (task.kind === 'leaves') return leafValues(task.bytes);
  if (task.kind === 'md5') return md5(task.bytes);
  stream ??= new LocalMd5();
  if (task.kind === 'md5-update') await stream.update(task.bytes);
  else if (task.kind === 'md5-zeros') await stream.zeros(task.length);
  else {
    const digest = await stream.digest();
    stream = undefined;
    return digest;
  }
  return undefined;
}

let last: Promise<void> = Promise.resolve();
parentPort?.on('message', (task: HashTask) => {
  last = last.then(async () => {
    parentPort?.postMessage({ value: await resultOf(task) } satisfies HashResult);
  });
});
