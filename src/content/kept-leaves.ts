import type { LeafRun } from '../digest/tree.js';
import type { Session } from '../session/session.js';
import { LeafSpool } from '../state/leaf-spool.js';
import type { LeafSource } from './digest-computation.js';

/** Keeps leaves, as they become known, until the session ends. */
export class KeptLeaves {
  readonly #spool = new LeafSpool();
  readonly #size: number;

  /** `size`: bytes of the disk. */
  constructor(session: Session, size: number) {
    this.#size = size;
    session.defer(() => this.#spool.close());
  }

  /** Adds the next leaves. Throws `output-unwritable`. */
  add(run: LeafRun): Promise<void> {
    return this.#spool.add(run);
  }

  /** Returns all that was added. Nothing may be added afterwards. */
  async finish(): Promise<LeafSource> {
    await this.#spool.end();
    return { size: this.#size, runs: () => this.#spool.runs() };
  }
}
