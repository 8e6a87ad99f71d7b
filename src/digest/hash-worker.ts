import { answerTasks } from '../threads/answer-tasks.js';
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

answerTasks(resultOf);
