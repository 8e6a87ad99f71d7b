/** At most this many items are worked on at a time: enough for the threads that read files to find the next read waiting. */
const CONCURRENCY = 32;

/**
 * Calls `work` for each item, several at a time; takes an item only when it is needed. Starts nothing more after a failure.
 * Everything that was started has ended when this resolves or throws, so buffers that were passed to it are free again. Throws
 * the first failure.
 */
export async function forEachConcurrent<T>(items: Iterable<T>, work: (item: T) => Promise<void>): Promise<void> {
  const iterator = items[Symbol.iterator]();
  const failures: unknown[] = [];
  let next = iterator.next();
  const workOff = async (): Promise<void> => {
    while (!next.done && failures.length === 0) {
      const { value } = next;
      try {
        next = iterator.next();
        await work(value);
      } catch (error) {
        failures.push(error);
      }
    }
  };
  const workers: Promise<void>[] = [];
  while (!next.done && workers.length < CONCURRENCY) workers.push(workOff());
  await Promise.all(workers);
  if (failures.length > 0) throw failures[0];
}
