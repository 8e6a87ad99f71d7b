import type { DigestCache } from '../state/digest-cache.js';
import type { LeafFileWriter } from '../state/leaf-file.js';
import type { LeafRun } from './tree-consumer.js';

/** Keeps leaves as they become known, as long as that works: a full disk is no failure. */
export class LeafKeeper {
  readonly #writer: Promise<LeafFileWriter | undefined>;
  #isLost = false;

  /** Without a cache it keeps nothing. */
  constructor(cache: DigestCache | undefined) {
    this.#writer = cache?.createLeaves() ?? Promise.resolve(undefined);
  }

  async add(run: LeafRun): Promise<void> {
    if (this.#isLost) return;
    await (await this.#writer)?.add(run).catch(() => this.discard());
  }

  async commit(key: string, digest: Uint8Array): Promise<void> {
    if (!this.#isLost) await (await this.#writer)?.commit(key, digest).catch(() => undefined);
  }

  /** What was not committed goes; never throws. */
  async discard(): Promise<void> {
    this.#isLost = true;
    await (await this.#writer)?.discard();
  }
}
