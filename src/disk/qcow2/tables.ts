import { EntryProblems } from '../entry-problems.js';
import type { SourceHandle } from '../file.js';
import type { Findings } from '../findings.js';
import type { MemoryBudget } from '../memory-budget.js';
import { TablePages } from '../table-pages.js';
import { UsedUnits } from '../used-units.js';
import { L1_RESERVED_HIGH, L1_RESERVED_LOW, offsetOf } from './entry.js';
import type { Geometry } from './geometry.js';
import { L1_ENTRY } from './layout.js';
import { MapCheck } from './map-check.js';
import type { StructureDigest } from './structure-digest.js';
import { TableReader, readWords } from './table-reader.js';
import { TableStretch } from './table-stretch.js';

/** A structure of the file that no cluster may overlap. Offset and length in bytes. */
export interface Occupied {
  readonly offset: number;
  readonly length: number;
  /** The field that says where it is, for messages. */
  readonly field: string;
  /** Offset of that field in the file. */
  readonly fieldOffset: number;
}

/** What the tables of a disk are read from, and checked against. Sizes in bytes. */
export interface TablesContext {
  readonly file: SourceHandle;
  readonly geometry: Geometry;
  /** Offset of the L1 table; all entries that the disk needs are in the file. */
  readonly l1Offset: number;
  /** Virtual size. */
  readonly size: number;
  /** Size of the file that the data is in. */
  readonly dataSize: number;
  /** The structures of the file besides the L2 tables, the header first. */
  readonly occupied: readonly Occupied[];
  readonly findings: Findings;
  readonly digest: StructureDigest;
  readonly memory: MemoryBudget;
}

/** The L1 and L2 tables of a disk. Without errors in the findings every cluster is inside the file, and no two overlap. */
export class Tables {
  /** Bytes that the image stores; compressed clusters count whole. */
  readonly allocated: number;
  readonly compressedClusters: number;
  /** See `MapToken`. */
  readonly token: Uint8Array;
  readonly #context: TablesContext;
  readonly #reader: TableReader;
  readonly #pages: TablePages;

  private constructor(context: TablesContext, check: MapCheck, { reader, pages }: Parts) {
    this.allocated = check.allocated;
    this.compressedClusters = check.compressedClusters;
    this.token = check.finish();
    this.#context = context;
    this.#reader = reader;
    this.#pages = pages;
  }

  /**
   * Reads and checks all tables once, and adds them to a digest. Memory that they take is reserved from the budget. Throws
   * `disk-unreadable`.
   */
  static async read(context: TablesContext): Promise<Tables> {
    const { file, geometry, findings, digest, size, dataSize, memory } = context;
    const problems = new EntryProblems(findings, 'tables');
    const used = UsedUnits.of(file.size, geometry.clusterSize);
    if (used) claimAll(context, used);
    const parts = partsOf(context, memory);
    const l1 = await parts.reader.readL1();
    digest.addL1(l1);
    checkL1(l1, { context, problems, used });
    const tableOffset = (index: number) => offsetOf(l1[index * 2] ?? 0, l1[index * 2 + 1] ?? 0);
    const check = new MapCheck({ geometry, size, fileSize: file.size, dataSize, used, problems, tableOffset });
    try {
      for await (const page of parts.reader.pages(l1)) {
        digest.addPage(page);
        check.add(page);
        parts.pages.add(page.words);
      }
    } catch (error) {
      parts.pages.release();
      throw error;
    }
    problems.finish();
    return new Tables(context, check, parts);
  }

  /** Returns a part of the tables that contains the cluster: all of them if they are in memory. Throws `source-changed`. */
  async from(cluster: number): Promise<TableStretch> {
    const { geometry } = this.#context;
    return new TableStretch(await this.#pages.from(Math.floor(cluster / geometry.pageEntries)), geometry);
  }

  /** Returns the offset of a cluster's L2 entry in the file, in bytes, for messages. Throws `disk-unreadable`. */
  async entryOffset(cluster: number): Promise<number> {
    const { file, l1Offset, geometry } = this.#context;
    const { tableEntries, entryWords } = geometry;
    const words = new Uint32Array(2);
    await readWords(file, l1Offset + Math.floor(cluster / tableEntries) * L1_ENTRY, words);
    return offsetOf(words[0] ?? 0, words[1] ?? 0) + (cluster % tableEntries) * entryWords * 4;
  }

  /** Reads the tables that are in the file now, and adds them to a digest as `read` does. Checks nothing. */
  async readAgain(digest: StructureDigest): Promise<void> {
    const l1 = await this.#reader.readL1();
    digest.addL1(l1);
    for await (const page of this.#reader.pages(l1)) digest.addPage(page);
  }

  /** Returns its memory to the budget. */
  release(): void {
    this.#pages.release();
  }
}

interface Parts {
  readonly reader: TableReader;
  readonly pages: TablePages;
}

function partsOf({ file, geometry, l1Offset, size }: TablesContext, memory: MemoryBudget): Parts {
  const entries = Math.ceil(size / (geometry.clusterSize * geometry.tableEntries));
  const reader = new TableReader({ file, offset: l1Offset, entries }, geometry);
  const read = (index: number) => reader.readPage(index);
  return { reader, pages: new TablePages({ path: file.path, name: 'L2 tables', emptyWord: 0, read }, memory) };
}

/** Marks the structures as used; reports those that overlap one before them. */
function claimAll({ occupied, geometry: { clusterSize }, findings }: TablesContext, used: UsedUnits): void {
  for (const { offset, length, field, fieldOffset } of occupied)
    if (!used.claim(offset / clusterSize, Math.ceil(length / clusterSize)))
      findings.error(fieldOffset, field, `${length} bytes at ${offset} overlap the header or another table`);
}

/** Checks the entries of an L1 table, and removes those that are wrong, so that nothing is read there. */
function checkL1(
  l1: Uint32Array,
  {
    context: { file, l1Offset, geometry },
    problems,
    used,
  }: { readonly context: TablesContext; readonly problems: EntryProblems; readonly used: UsedUnits | undefined },
): void {
  const { clusterSize } = geometry;
  for (let at = 0; at < l1.length; at += 2) {
    const high = l1[at] ?? 0;
    const low = l1[at + 1] ?? 0;
    if (high === 0 && low === 0) continue;
    const offset = offsetOf(high, low);
    const problem =
      (high & L1_RESERVED_HIGH) !== 0 || (low & L1_RESERVED_LOW) !== 0
        ? 'it has reserved bits'
        : offset % clusterSize !== 0
          ? `offset ${offset} is not a multiple of ${clusterSize}`
          : offset + clusterSize > file.size
            ? `the L2 table at ${offset} goes beyond the end of the file at ${file.size}`
            : offset !== 0 && used?.claim(offset / clusterSize) === false
              ? `the L2 table at ${offset} overlaps the header or another table`
              : undefined;
    if (problem === undefined) continue;
    problems.add(l1Offset + at * 4, `L1 entry ${at / 2}`, problem);
    l1.fill(0, at, at + 2);
  }
}
