import { parentPort } from 'node:worker_threads';
import { Md5Here } from './hashing.js';
import { md5 } from './md5.js';
import { leafValues } from './tree.js';

/** What a worker thread is asked. */
export type HashTask =
  | { readonly kind: 'leaves'; readonly bytes: Uint8Array }
  | { readonly kind: 'md5'; readonly bytes: Uint8Array }
  | { readonly kind: 'md5-update'; readonly bytes: Uint8Array }
  | { readonly kind: 'md5-zeros'; readonly length: number }
  | { readonly kind: 'md5-digest' };

/** Its answer: one for each task, in the order of the tasks. */
export interface HashAnswer {
  readonly value: Uint8Array | undefined;
}

let stream: Md5Here | undefined;

/** A worker has one stream at a time. */
async function answer(task: HashTask): Promise<Uint8Array | undefined> {
  if (task.kind === 'leaves') return leafValues(task.bytes);
  if (task.kind === 'md5') return md5(task.bytes);
  stream ??= new Md5Here();
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
    parentPort?.postMessage({ value: await answer(task) } satisfies HashAnswer);
  });
});
