import { SUBCLUSTERS } from './layout.js';

/** The tables of an image are handled in pages of at least this many bytes. */
const PAGE_BYTES = 16 * 1024;

/** The measures of an image's clusters and tables (qcow2.rst, "Cluster mapping"). Sizes in bytes. */
export interface Geometry {
  readonly version: 2 | 3;
  readonly clusterBits: number;
  readonly clusterSize: number;
  readonly isExtended: boolean;
  /** Size of what an entry decides as one: a subcluster with extended L2 entries, else a cluster. */
  readonly unitSize: number;
  /** Words of 32 bits of an L2 entry: 2, or 4 with extended L2 entries. */
  readonly entryWords: number;
  /** Entries of an L2 table. */
  readonly tableEntries: number;
  /** L2 tables of a page. */
  readonly pageTables: number;
  /** L2 entries, and so guest clusters, of a page. */
  readonly pageEntries: number;
  /** True if the data is in a file of its own. */
  readonly hasDataFile: boolean;
}

/** Returns the measures of an image. */
export function geometryOf({
  version,
  clusterBits,
  hasExtendedL2: isExtended,
  hasDataFile,
}: {
  readonly version: 2 | 3;
  readonly clusterBits: number;
  readonly hasExtendedL2: boolean;
  readonly hasDataFile: boolean;
}): Geometry {
  const clusterSize = 2 ** clusterBits;
  const tableEntries = clusterSize / (isExtended ? 16 : 8);
  const pageTables = Math.max(1, PAGE_BYTES / clusterSize);
  return {
    version,
    clusterBits,
    clusterSize,
    isExtended,
    unitSize: isExtended ? clusterSize / SUBCLUSTERS : clusterSize,
    entryWords: isExtended ? 4 : 2,
    tableEntries,
    pageTables,
    pageEntries: pageTables * tableEntries,
    hasDataFile,
  };
}
