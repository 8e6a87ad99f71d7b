/** So many reads are asked for at a time: the threads that do them then always find the next one waiting. */
const IN_FLIGHT = 32;

/**
 * Does `work` for each item, several at a time, taking items only as they are needed. After a failure no more is begun.
 * Whatever was begun has ended when this ends, so buffers that were lent are free again; then the first failure is thrown.
 */
export async function inFlight<T>(items: Iterable<T>, work: (item: T) => Promise<void>): Promise<void> {
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
  while (!next.done && workers.length < IN_FLIGHT) workers.push(workOff());
  await Promise.all(workers);
  if (failures.length > 0) throw failures[0];
}
