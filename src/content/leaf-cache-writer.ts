import type { DigestCache } from '../state/digest-cache.js';
import type { LeafFileWriter } from '../state/leaf-file.js';
import type { LeafRun } from '../digest/tree.js';

/**
 * Writes leaves to the cache as they become known. A failure, such as a full file system, only means that they are not
 * kept.
 */
export class LeafCacheWriter {
  readonly #writer: Promise<LeafFileWriter | undefined>;
  #isDiscarded = false;

  /** Without a cache, nothing is written. */
  constructor(cache: DigestCache | undefined) {
    this.#writer = cache?.createLeaves() ?? Promise.resolve(undefined);
  }

  /** Writes the next leaves. Never throws. */
  async add(run: LeafRun): Promise<void> {
    if (this.#isDiscarded) return;
    await (await this.#writer)?.add(run).catch(() => this.discard());
  }

  /** Makes what was written the record for `key`, unless a write has failed. Never throws. */
  async commit(key: string, digest: Uint8Array): Promise<void> {
    if (!this.#isDiscarded) await (await this.#writer)?.commit(key, digest).catch(() => undefined);
  }

  /** Deletes what was written and not committed. Never throws. */
  async discard(): Promise<void> {
    this.#isDiscarded = true;
    await (await this.#writer)?.discard();
  }
}
