/** The most clusters that are kept. */
const MAX_CLUSTERS = 32;
/** The most bytes of clusters that are kept, but at least one cluster. */
const MAX_BYTES = 16 * 1024 * 1024;

interface Kept {
  readonly content: Promise<Uint8Array>;
  /** In bytes. */
  readonly size: number;
}

/**
 * The clusters that were decompressed last, of all images of a chain. Two reads of one cluster at the same time decompress it once.
 */
export class ClusterCache {
  /** The least recently used first. */
  #kept = new Map<string, Kept>();

  /**
   * Returns the content of the cluster with this key, which must not be changed; calls `read` if it is not kept. `size`: in bytes.
   * Throws what `read` throws.
   */
  get(key: string, size: number, read: () => Promise<Uint8Array>): Promise<Uint8Array> {
    const kept = this.#kept;
    const content = kept.get(key)?.content ?? read();
    kept.delete(key);
    kept.set(key, { content, size });
    // A failure is not kept: the next read tries again.
    content.catch(() => {
      if (kept.get(key)?.content === content) kept.delete(key);
    });
    for (const oldest of kept.keys()) {
      if (kept.size === 1 || fits(kept)) break;
      kept.delete(oldest);
    }
    return content;
  }

  /** Drops all clusters. Reads that are still running are not kept either. */
  drop(): void {
    this.#kept = new Map();
  }
}

function fits(kept: ReadonlyMap<string, Kept>): boolean {
  const bytes = [...kept.values()].reduce((sum, { size }) => sum + size, 0);
  return kept.size <= MAX_CLUSTERS && bytes <= MAX_BYTES;
}
