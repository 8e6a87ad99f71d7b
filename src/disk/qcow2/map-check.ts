import { SECTOR } from '../../bytes/sector.js';
import { hex } from '../big-endian.js';
import type { EntryProblems } from '../entry-problems.js';
import type { UsedUnits } from '../used-units.js';
import {
  COMPRESSED,
  COPIED,
  OFFSET_HIGH,
  OFFSET_LOW,
  RESERVED_HIGH,
  ZERO,
  compressedPlace,
  offsetOf,
} from './entry.js';
import type { Geometry } from './geometry.js';
import { MapToken, RUN } from './map-token.js';
import { nextUsed } from './next-used.js';
import type { TablePage } from './table-reader.js';

/** What the entries of the L2 tables are checked against. Sizes in bytes. */
export interface MapCheckContext {
  readonly geometry: Geometry;
  /** Virtual size. */
  readonly size: number;
  readonly fileSize: number;
  /** Size of the file that the data is in. */
  readonly dataSize: number;
  /** The clusters of the file that are in use; `undefined` if there are too many to look at. */
  readonly used: UsedUnits | undefined;
  readonly problems: EntryProblems;
  /** Returns the offset of an L2 table in the file, by its L1 index. */
  readonly tableOffset: (l1Index: number) => number;
}

/** Goes once through all L2 entries of a disk: checks them, counts what is allocated, and identifies the map. */
export class MapCheck {
  /** Bytes of clusters and subclusters that the image stores; compressed clusters count whole. */
  allocated = 0;
  compressedClusters = 0;
  readonly #context: MapCheckContext;
  readonly #token: MapToken;
  readonly #clusters: number;

  constructor(context: MapCheckContext) {
    this.#context = context;
    this.#token = new MapToken(context.geometry);
    this.#clusters = Math.ceil(context.size / context.geometry.clusterSize);
  }

  /** Checks the next page. Entries beyond the end of the disk are ignored. */
  add({ index, words }: TablePage): void {
    if (words === 'empty') return;
    const { entryWords, pageEntries } = this.#context.geometry;
    const first = index * pageEntries;
    const end = Math.min(pageEntries, this.#clusters - first) * entryWords;
    for (let at = nextUsed(words, 0); at < end; at = nextUsed(words, at)) {
      at -= at % entryWords;
      const cluster = first + at / entryWords;
      const high = words[at] ?? 0;
      if ((high & COMPRESSED) !== 0) this.#checkCompressed(cluster, high, words[at + 1] ?? 0);
      else if (entryWords === 4) this.#checkExtended(cluster, words, at);
      else this.#checkStandard(cluster, high, words[at + 1] ?? 0);
      at += entryWords;
    }
  }

  /** Returns the token of the map; see `MapToken`. */
  finish(): Uint8Array {
    return this.#token.finish();
  }

  #refuse(cluster: number, problem: string): void {
    const { tableEntries, entryWords } = this.#context.geometry;
    const l1Index = Math.floor(cluster / tableEntries);
    const offset = this.#context.tableOffset(l1Index) + (cluster % tableEntries) * entryWords * 4;
    this.#context.problems.add(offset, `L2 entry of cluster ${cluster}`, problem);
  }

  #checkCompressed(cluster: number, high: number, low: number): void {
    const { geometry, fileSize } = this.#context;
    const { start, end } = compressedPlace(high, low, geometry);
    this.compressedClusters++;
    this.allocated += geometry.clusterSize;
    if (geometry.hasDataFile) this.#refuse(cluster, 'it is compressed, and the image has an external data file');
    else if (start < geometry.clusterSize) this.#refuse(cluster, 'the compressed cluster is in the header');
    // The file may end within the last sector.
    else if (start >= fileSize || end - SECTOR >= fileSize)
      this.#refuse(
        cluster,
        `the compressed cluster at ${start} to ${end} goes beyond the end of the file at ${fileSize}`,
      );
    const descriptor = high & (COMPRESSED - 1);
    this.#token.add({ kind: RUN.compressed, cluster, high: descriptor, low, zeros: 0, allocated: 0 });
  }

  #checkStandard(cluster: number, high: number, low: number): void {
    const { version, clusterSize, hasDataFile } = this.#context.geometry;
    const isZero = (low & ZERO) !== 0;
    if ((high & RESERVED_HIGH) !== 0 || (low & 0x1fe) !== 0) this.#refuse(cluster, this.#reserved(high, low));
    if (isZero && version === 2) this.#refuse(cluster, 'it has the zero flag, which version 2 does not have');
    const isSet = (high & OFFSET_HIGH) !== 0 || (low & OFFSET_LOW) !== 0;
    const isData = !isZero && (isSet || (hasDataFile && (high & COPIED) !== 0));
    if (isSet || isData) this.#checkHost(cluster, offsetOf(high, low), isData ? clusterSize : 0);
    if (isData) this.allocated += clusterSize;
    if (isZero) this.#token.add({ kind: RUN.zero, cluster, high: 0, low: 0, zeros: 0, allocated: 0 });
    else if (isData)
      this.#token.add({
        kind: RUN.data,
        cluster,
        high: high & OFFSET_HIGH,
        low: (low & OFFSET_LOW) >>> 0,
        zeros: 0,
        allocated: 0,
      });
  }

  #checkExtended(cluster: number, words: Uint32Array, at: number): void {
    const { unitSize, hasDataFile } = this.#context.geometry;
    const high = words[at] ?? 0;
    const low = words[at + 1] ?? 0;
    const zeros = words[at + 2] ?? 0;
    const allocated = words[at + 3] ?? 0;
    if ((high & RESERVED_HIGH) !== 0 || (low & 0x1ff) !== 0) this.#refuse(cluster, this.#reserved(high, low));
    if ((zeros & allocated) !== 0) this.#refuse(cluster, 'subclusters are both allocated and zero');
    const offset = offsetOf(high, low);
    if (offset === 0 && allocated !== 0 && !hasDataFile)
      this.#refuse(cluster, 'subclusters are allocated, but there is no cluster for them');
    else if (offset !== 0 || allocated !== 0) this.#checkHost(cluster, offset, (32 - Math.clz32(allocated)) * unitSize);
    this.allocated += bitsSet(allocated) * unitSize;
    if (allocated !== 0)
      this.#token.add({
        kind: RUN.data,
        cluster,
        high: high & OFFSET_HIGH,
        low: (low & OFFSET_LOW) >>> 0,
        zeros,
        allocated,
      });
    else if (zeros !== 0) this.#token.add({ kind: RUN.zero, cluster, high: 0, low: 0, zeros, allocated });
  }

  /** Checks the place of a cluster, of which this many bytes are read. */
  #checkHost(cluster: number, offset: number, length: number): void {
    const { geometry, size, dataSize, used } = this.#context;
    const { clusterSize, hasDataFile } = geometry;
    const guest = cluster * clusterSize;
    const end = offset + Math.min(length, size - guest);
    if (offset % clusterSize !== 0) this.#refuse(cluster, `offset ${hex(offset)} is not a multiple of ${clusterSize}`);
    else if (hasDataFile && offset !== guest)
      this.#refuse(cluster, `offset ${hex(offset)} in the external data file is not that in the disk, ${hex(guest)}`);
    else if (length > 0 && end > dataSize)
      this.#refuse(
        cluster,
        `the cluster at ${offset} to ${end} goes beyond the end of the ${hasDataFile ? 'data file' : 'file'} at ${dataSize}`,
      );
    else if (!hasDataFile && used?.claim(offset / clusterSize) === false)
      this.#refuse(cluster, `the cluster at ${offset} overlaps another one, or the header or a table`);
  }

  #reserved(high: number, low: number): string {
    return `${hex((BigInt(high) << 32n) | BigInt(low))} has reserved bits`;
  }
}

function bitsSet(word: number): number {
  let bits = word - ((word >>> 1) & 0x5555_5555);
  bits = (bits & 0x3333_3333) + ((bits >>> 2) & 0x3333_3333);
  return Math.imul((bits + (bits >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24;
}
