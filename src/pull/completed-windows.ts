import { PIECE_ALIGNMENT } from '../disk/disk-writer.js';
import type { DurableState } from './record.js';

/** The length of a window: bytes of the blob that are fetched and recorded together. A multiple of what a writer takes at a time. */
export const WINDOW = 2 * PIECE_ALIGNMENT;

/** Returns the end of the last window that is recorded as completed; 0 if none is. */
export function endOfCompleted({ below, ahead }: Pick<DurableState, 'below' | 'ahead'>): number {
  return ahead.reduce((end, offset) => Math.max(end, offset + WINDOW), Math.ceil(below / WINDOW) * WINDOW);
}

/** Keeps the windows that are completed. Windows begin in ascending order, and end in any order. */
export class CompletedWindows {
  /** Windows under way or completed, ascending. Completed ones at the front are dropped. */
  readonly #begun: { readonly offset: number; isDone: boolean }[] = [];
  readonly #recorded: { readonly below: number; readonly ahead: ReadonlySet<number> };
  /** All windows before this offset are completed. */
  #below = 0;

  /** `recorded`: by an earlier run. */
  constructor(recorded: Pick<DurableState, 'below' | 'ahead'> | undefined) {
    this.#recorded = { below: recorded?.below ?? 0, ahead: new Set(recorded?.ahead) };
    this.#below = this.#recorded.below;
  }

  /** Begins the window at an offset. Returns false if an earlier run has completed it. */
  begin(offset: number): boolean {
    if (offset < this.#recorded.below) return false;
    const isDone = this.#recorded.ahead.has(offset);
    this.#begun.push({ offset, isDone });
    return !isDone;
  }

  /** Marks the window at an offset as completed. */
  end(offset: number): void {
    const window = this.#begun.find((begun) => begun.offset === offset);
    if (window) window.isDone = true;
    for (let first = this.#begun[0]; first?.isDone; first = this.#begun[0]) {
      this.#begun.shift();
      this.#below = first.offset + 1;
    }
  }

  /** Returns what is completed now. */
  snapshot(): Pick<DurableState, 'below' | 'ahead'> {
    const last = this.#begun.at(-1)?.offset ?? -1;
    return {
      below: this.#below,
      ahead: [
        ...this.#begun.filter(({ isDone }) => isDone).map(({ offset }) => offset),
        ...[...this.#recorded.ahead].filter((offset) => offset > last && offset >= this.#below),
      ],
    };
  }
}
