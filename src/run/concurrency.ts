import pLimit, { type LimitFunction } from 'p-limit';

/** Limits how many pieces of work run at a time: first come, first served. The limit may change while work runs. */
export type Limit = LimitFunction;

/** Makes a limit of `concurrency` pieces of work at a time, a whole number from 1 on. */
export const newLimit: (concurrency: number) => Limit = pLimit;

/**
 * Calls `work` for each item, as many at a time as `limit` allows. Others may use the same limit. The next item is
 * taken when the work for the one before has started, so items can be made at the last moment. After the first failure,
 * of the work or of the items, `onFailure` is called at once and no more work is started. Waits for the work that runs,
 * then throws the first failure.
 */
export async function forEachLimited<T>(
  items: Iterable<T> | AsyncIterable<T>,
  limit: Limit,
  work: (item: T) => Promise<void>,
  onFailure: (error: unknown) => void,
): Promise<void> {
  const running = new Set<Promise<void>>();
  const failures: unknown[] = [];
  const hasFailed = () => failures.length > 0;
  const fail = (error: unknown) => {
    if (failures.push(error) === 1) onFailure(error);
  };
  /** Resolves when the work has started. */
  const start = (item: T) =>
    new Promise<void>((started) => {
      // Catches within the limit: outside of it, the next work would start before the failure is known.
      const task = limit(async () => {
        started();
        try {
          if (!hasFailed()) await work(item);
        } catch (error) {
          fail(error);
        }
      }).finally(() => running.delete(task));
      running.add(task);
    });
  try {
    for await (const item of items) {
      await start(item);
      if (hasFailed()) break;
    }
  } catch (error) {
    fail(error);
  }
  await Promise.all(running);
  if (hasFailed()) throw failures[0];
}

/**
 * Waits for both promises. If one fails, calls `onFailure` at once, so that the other can end soon, and then throws its
 * error.
 */
export async function awaitBoth<A, B>(
  first: Promise<A>,
  second: Promise<B>,
  onFailure: (error: unknown) => void,
): Promise<[A, B]> {
  first.catch(onFailure);
  second.catch(onFailure);
  await Promise.allSettled([first, second]);
  return Promise.all([first, second]);
}
