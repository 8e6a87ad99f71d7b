import type { LeafRun } from '../digest/tree.js';
import type { Session } from '../session/session.js';
import { LeafSpool } from '../state/leaf-spool.js';
import type { LeafSource } from './digest-computation.js';

/**
 * Keeps leaves, as they become known, until the session ends. That they cannot be kept, because the folder for temporary files is
 * full, is thrown when they are read: not everyone who computes a digest needs the leaves too.
 */
export class KeptLeaves {
  readonly #spool = new LeafSpool();
  readonly #size: number;
  #failure: Error | undefined;

  /** `size`: bytes of the disk. */
  constructor(session: Session, size: number) {
    this.#size = size;
    session.defer(() => this.#spool.close());
  }

  /** Adds the next leaves. Never throws. */
  async add(run: LeafRun): Promise<void> {
    if (this.#failure === undefined) await this.#spool.add(run).catch(this.#fail);
  }

  /** Returns all that was added: reading it throws `output-unwritable` if it could not be kept. Nothing may be added afterwards. */
  async finish(): Promise<LeafSource> {
    if (this.#failure === undefined) await this.#spool.end().catch(this.#fail);
    return { size: this.#size, runs: () => this.#runs() };
  }

  readonly #fail = (error: Error): void => {
    this.#failure ??= error;
  };

  async *#runs(): AsyncGenerator<LeafRun> {
    if (this.#failure !== undefined) throw this.#failure;
    yield* this.#spool.runs();
  }
}
