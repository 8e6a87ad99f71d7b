/** How many items are worked on at a time; the count may change meanwhile. */
export interface Lanes {
  readonly count: number;
}

/**
 * Does `work` for each item, so many at a time as there are lanes, taking items only as they are needed.
 * After the first failure `failed` is told and no more is started; what runs is waited for, then the failure is thrown.
 */
export async function inParallel<T>(items: Iterable<T> | AsyncIterable<T>, lanes: Lanes, work: (item: T) => Promise<void>, failed: (error: unknown) => void): Promise<void> {
  const failures: unknown[] = [];
  let running = 0;
  let wake: () => void = () => undefined;
  const oneEnds = () => new Promise<void>((resolve) => { wake = resolve; });
  const fail = (error: unknown) => {
    if (failures.push(error) === 1) failed(error);
  };
  try {
    for await (const item of items) {
      while (running > 0 && running >= lanes.count) await oneEnds();
      if (failures.length > 0) break;
      running++;
      void work(item).catch(fail).finally(() => {
        running--;
        wake();
      });
    }
  } catch (error) {
    fail(error);
  }
  while (running > 0) await oneEnds();
  if (failures.length > 0) throw failures[0];
}

/** Waits for both, also where one fails: then `failed` is told at once, so that the other ends soon, and its error is thrown. */
export async function together<A, B>(first: Promise<A>, second: Promise<B>, failed: (error: unknown) => void): Promise<[A, B]> {
  first.catch(failed);
  second.catch(failed);
  await Promise.allSettled([first, second]);
  return Promise.all([first, second]);
}
