import pLimit from 'p-limit';

/**
 * Does `work` for each item, at most `concurrency` at a time, taking items only as they are needed.
 * After the first failure `failed` is told and no more is started; what runs is waited for, then the failure is thrown.
 */
export async function inParallel<T>(items: Iterable<T>, concurrency: number, work: (item: T) => Promise<void>, failed: (error: unknown) => void): Promise<void> {
  const limit = pLimit(concurrency);
  const running = new Set<Promise<void>>();
  const failures: unknown[] = [];
  for (const item of items) {
    if (running.size >= concurrency) await Promise.race(running);
    if (failures.length > 0) break;
    const task = limit(() => work(item))
      .catch((error: unknown) => {
        if (failures.push(error) === 1) failed(error);
      })
      .finally(() => running.delete(task));
    running.add(task);
  }
  await Promise.all(running);
  if (failures.length > 0) throw failures[0];
}

/** Waits for both, also where one fails: then `failed` is told at once, so that the other ends soon, and its error is thrown. */
export async function together<A, B>(first: Promise<A>, second: Promise<B>, failed: (error: unknown) => void): Promise<[A, B]> {
  first.catch(failed);
  second.catch(failed);
  await Promise.allSettled([first, second]);
  return Promise.all([first, second]);
}
