/** Clusters that are kept, at most. */
const MAX_CLUSTERS = 32;
/** Bytes of clusters that are kept, at most. */
const MAX_BYTES = 16 * 1024 * 1024;

/** The clusters that were decompressed last. Two reads of one cluster at the same time decompress it once. */
export class ClusterCache {
  readonly #most: number;
  /** The one that was used longest ago first. */
  #clusters = new Map<number, Promise<Uint8Array>>();

  /** `clusterSize`: in bytes. */
  constructor(clusterSize: number) {
    this.#most = Math.max(1, Math.min(MAX_CLUSTERS, Math.floor(MAX_BYTES / clusterSize)));
  }

  /** Returns the content of a cluster, which nobody may change; calls `read` if it is not kept. Throws what `read` throws. */
  get(cluster: number, read: () => Promise<Uint8Array>): Promise<Uint8Array> {
    const clusters = this.#clusters;
    const content = clusters.get(cluster) ?? read();
    clusters.delete(cluster);
    clusters.set(cluster, content);
    // A failure is not kept: the next read tries again.
    content.catch(() => {
      if (clusters.get(cluster) === content) clusters.delete(cluster);
    });
    const [oldest] = clusters.keys();
    if (clusters.size > this.#most && oldest !== undefined) clusters.delete(oldest);
    return content;
  }

  /** Drops all clusters. What is being read meanwhile is not kept. */
  drop(): void {
    this.#clusters = new Map();
  }
}
