import { PIECE_ALIGNMENT } from '../disk/disk-writer.js';
import type { Durable } from './record.js';

/** Bytes of the blob that are fetched and recorded as one; a multiple of what a writer takes at a time. */
export const WINDOW = 2 * PIECE_ALIGNMENT;

/** Returns the end of the last window that is recorded as done; 0 if none is. */
export function endOfDone({ below, ahead }: Pick<Durable, 'below' | 'ahead'>): number {
  return ahead.reduce((end, offset) => Math.max(end, offset + WINDOW), Math.ceil(below / WINDOW) * WINDOW);
}

/** Which windows are done, where they are begun in ascending order and end in any. */
export class WindowLog {
  /** Windows under way or done, ascending; those at the front that are done are dropped. */
  readonly #begun: { readonly offset: number; isDone: boolean }[] = [];
  readonly #found: { readonly below: number; readonly ahead: ReadonlySet<number> };
  /** Every window before this is done. */
  #below = 0;

  /** `found` is what an earlier run has recorded. */
  constructor(found: Pick<Durable, 'below' | 'ahead'> | undefined) {
    this.#found = { below: found?.below ?? 0, ahead: new Set(found?.ahead) };
    this.#below = this.#found.below;
  }

  /** Begins a window; false where it was done already. */
  begin(offset: number): boolean {
    if (offset < this.#found.below) return false;
    const isDone = this.#found.ahead.has(offset);
    this.#begun.push({ offset, isDone });
    return !isDone;
  }

  end(offset: number): void {
    const window = this.#begun.find((begun) => begun.offset === offset);
    if (window) window.isDone = true;
    for (let first = this.#begun[0]; first?.isDone; first = this.#begun[0]) {
      this.#begun.shift();
      this.#below = first.offset + 1;
    }
  }

  /** What is done now. */
  snapshot(): Pick<Durable, 'below' | 'ahead'> {
    const last = this.#begun.at(-1)?.offset ?? -1;
    return {
      below: this.#below,
      ahead: [
        ...this.#begun.filter(({ isDone }) => isDone).map(({ offset }) => offset),
        ...[...this.#found.ahead].filter((offset) => offset > last && offset >= this.#below),
      ],
    };
  }
}
