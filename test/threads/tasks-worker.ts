import { setTimeout } from 'node:timers/promises';
import { answerTasks } from '../../src/threads/answer-tasks.js';

/** A task of the tests. */
export interface TestTask {
  readonly number: number;
  readonly ms?: number;
  readonly bytes?: Uint8Array;
}

/** Its result. */
export interface TestResult {
  readonly number: number;
  /** How many tasks ran at the time. */
  readonly running: number;
  readonly bytes?: Uint8Array<ArrayBuffer>;
}

let running = 0;

async function resultOf({ number, ms, bytes }: TestTask): Promise<TestResult> {
  running++;
  if (ms) await setTimeout(ms);
  if (number < 0) throw new RangeError(`${number} is negative`);
  const result = { number, running, ...(bytes && { bytes: Uint8Array.from(bytes, (byte) => byte + 1) }) };
  running--;
  return result;
}

answerTasks(resultOf, ({ bytes }) => (bytes ? [bytes.buffer] : []));
