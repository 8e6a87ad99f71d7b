/** How many items are worked on at a time; the count may change meanwhile. */
export interface Lanes {
  readonly count: number;
}

/**
 * Does `work` for each item, so many at a time as there are lanes, taking items only as they are needed.
 * After the first failure `failed` is told and no more is started; what runs is waited for, then the failure is thrown.
 */
export async function inParallel<T>(
  items: Iterable<T> | AsyncIterable<T>,
  lanes: Lanes,
  work: (item: T) => Promise<void>,
  failed: (error: unknown) => void,
): Promise<void> {
  const failures: unknown[] = [];
  let running = 0;
  let wake: () => void = () => undefined;
  const oneEnds = () =>
    new Promise<void>((resolve) => {
      wake = resolve;
    });
  const fail = (error: unknown) => {
    if (failures.push(error) === 1) failed(error);
  };
  try {
    for await (const item of items) {
      while (running > 0 && running >= lanes.count) await oneEnds();
      if (failures.length > 0) break;
      running++;
      void work(item)
        .catch(fail)
        .finally(() => {
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

/** Work from several sides that shares the lanes: first come, first served. */
export class Slots {
  readonly #lanes: Lanes;
  readonly #failed: (error: unknown) => void;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  /** `failed` is told of a failure at once, so that what else runs ends soon. */
  constructor(lanes: Lanes, failed: (error: unknown) => void) {
    this.#lanes = lanes;
    this.#failed = failed;
  }

  /**
   * Does all of it, each piece as soon as there is a lane; the next one is made when the one before has begun. After a
   * failure no more is begun; what runs is waited for, then the first failure is thrown.
   */
  async runAll(work: Iterable<() => Promise<void>>): Promise<void> {
    const running: Promise<void>[] = [];
    const failures: unknown[] = [];
    const fail = (error: unknown) => {
      if (failures.push(error) === 1) this.#failed(error);
    };
    try {
      for (const piece of work) {
        await this.#enter();
        if (failures.length > 0) {
          this.#leave();
          break;
        }
        running.push(
          piece()
            .catch(fail)
            .finally(() => {
              this.#leave();
            }),
        );
      }
    } catch (error) {
      fail(error);
    }
    await Promise.all(running);
    if (failures.length > 0) throw failures[0];
  }

  async #enter(): Promise<void> {
    if (this.#waiting.length === 0 && this.#isFree) this.#running++;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** The next ones get their lanes right here: nobody who comes later overtakes them. */
  #leave(): void {
    this.#running--;
    while (this.#waiting.length > 0 && this.#isFree) {
      this.#running++;
      this.#waiting.shift()?.();
    }
  }

  get #isFree(): boolean {
    return this.#running < Math.max(1, this.#lanes.count);
  }
}

/** Waits for both, also where one fails: then `failed` is told at once, so that the other ends soon, and its error is thrown. */
export async function together<A, B>(
  first: Promise<A>,
  second: Promise<B>,
  failed: (error: unknown) => void,
): Promise<[A, B]> {
  first.catch(failed);
  second.catch(failed);
  await Promise.allSettled([first, second]);
  return Promise.all([first, second]);
}
