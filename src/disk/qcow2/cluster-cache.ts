/** The most clusters that are kept. */
const MAX_CLUSTERS = 32;
/** The most bytes of clusters that are kept. */
const MAX_BYTES = 16 * 1024 * 1024;

/** The clusters that were decompressed last. Two reads of one cluster at the same time decompress it once. */
export class ClusterCache {
  readonly #maxClusters: number;
  /** The least recently used first. */
  #clusters = new Map<number, Promise<Uint8Array>>();

  /** `clusterSize`: in bytes. */
  constructor(clusterSize: number) {
    this.#maxClusters = Math.max(1, Math.min(MAX_CLUSTERS, Math.floor(MAX_BYTES / clusterSize)));
  }

  /** Returns the content of a cluster, which must not be changed; calls `read` if it is not kept. Throws what `read` throws. */
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
    if (clusters.size > this.#maxClusters && oldest !== undefined) clusters.delete(oldest);
    return content;
  }

  /** Drops all clusters. Reads that are still running are not kept either. */
  drop(): void {
    this.#clusters = new Map();
  }
}
