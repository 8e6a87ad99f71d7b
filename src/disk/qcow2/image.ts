import { createHash } from 'node:crypto';
import { derivedId } from '../derived-id.js';
import type { Creation, FileState, Layer, SourceFile } from '../disk.js';
import type { FileTimes, SourceHandle } from '../file.js';
import type { FileEnds } from '../file-ends.js';
import { currentState, openedState } from '../file-state.js';
import type { Findings } from '../findings.js';
import type { AllocationMap, Image, ImageFormat, OpenContext, OpenedImage } from '../image.js';
import { SECTOR } from '../../bytes/sector.js';
import { ClusterMap } from './cluster-map.js';
import { CompressedClusters } from './compressed.js';
import { detailsOf } from './details.js';
import { MAGIC } from './layout.js';
import { FORMAT, currentDigest, readStructure, type Structure } from './structure.js';

/** The format QCOW2, versions 2 and 3. */
export const qcow2 = {
  name: FORMAT,
  hasSnapshots: true,

  probe({ head }: FileEnds): boolean {
    return Buffer.from(head.subarray(0, MAGIC.length)).toString('latin1') === MAGIC;
  },

  async open(file: SourceHandle, context: OpenContext): Promise<OpenedImage> {
    const opened = await file.statPath();
    const { summary, structure } = await readStructure(file, context);
    return { summary, image: structure && new Qcow2Image(file, { opened, structure, context }) };
  },
} as const satisfies ImageFormat;

/** A QCOW2 image whose structures were read. */
interface ReadQcow2 {
  /** The times of the file before anything of it was read. */
  readonly opened: FileTimes;
  readonly structure: Structure;
  readonly context: OpenContext;
}

/** One QCOW2 image whose structures hold no error, with its external data file if it has one. */
class Qcow2Image implements Image {
  readonly layer: Layer;
  readonly creation: Creation = { format: FORMAT, record: undefined };
  readonly openedFiles: readonly SourceFile[];
  readonly #file: SourceHandle;
  readonly #structure: Structure;
  readonly #compressed: CompressedClusters;

  constructor(file: SourceHandle, { opened, structure, context }: ReadQcow2) {
    const { header, geometry, tables, dataFile } = structure;
    this.#file = file;
    this.#structure = structure;
    this.#compressed = new CompressedClusters({
      file,
      decompression: context.decompression,
      method: header.compression,
      clusterSize: geometry.clusterSize,
      entryOffset: (cluster) => tables.entryOffset(cluster),
    });
    this.layer = layerOf(file.path, structure, context.findings);
    this.openedFiles = [
      { ...openedState(file, opened), structure: structure.digest },
      ...(dataFile
        ? [{ ...openedState(dataFile.file, dataFile.opened), structure: dataDigest(dataFile.file.size) }]
        : []),
    ];
  }

  layerOver(parent: Layer): Layer {
    const { tables, size } = this.#structure;
    const id = derivedId({ format: FORMAT, token: [tables.token], size, parentId: parent.id });
    return { ...this.layer, id, parentId: parent.id };
  }

  async load(offset: number, end: number): Promise<AllocationMap> {
    const { tables: all, geometry, dataFile, backing } = this.#structure;
    const tables = await all.from(Math.floor(offset / geometry.clusterSize));
    return new ClusterMap({
      tables,
      data: dataFile?.file ?? this.#file,
      compressed: this.#compressed,
      unallocated: backing ? 'absent' : 'zero',
      end: Math.min(end, tables.end * geometry.clusterSize),
    });
  }

  /** Reads the times first: a write while the structures are read changes them. */
  async currentFiles(): Promise<readonly SourceFile[]> {
    const [state, ...others] = await this.fileStates();
    const structure = await currentDigest(this.#file, this.#structure);
    return [
      ...(state ? [{ ...state, structure }] : []),
      ...others.map((other) => ({ ...other, structure: dataDigest(other.size) })),
    ];
  }

  fileStates(): Promise<readonly FileState[]> {
    const { dataFile } = this.#structure;
    return Promise.all([this.#file, ...(dataFile ? [dataFile.file] : [])].map(currentState));
  }

  dropCache(): void {
    this.#compressed.dropCache();
  }

  async close(): Promise<void> {
    this.#structure.tables.release();
    await Promise.all([this.#file.close(), this.#structure.dataFile?.file.close()]);
  }
}

/** Returns the structure digest of a data file: it has no structures. */
function dataDigest(size: number): string {
  return createHash('sha256').update(String(size)).digest('hex');
}

function layerOf(path: string, structure: Structure, { warnings }: Findings): Layer {
  const { header, geometry, tables, size, id, backing, dataFile } = structure;
  return {
    path,
    format: FORMAT,
    type: backing ? 'differencing' : 'dynamic',
    id,
    isIdDerived: true,
    parentId: undefined,
    size,
    allocated: Math.min(size, tables.allocated),
    blockSize: geometry.clusterSize,
    sectorSize: SECTOR,
    creator: '',
    details: detailsOf({
      ...structure,
      header,
      dataFile: dataFile?.name,
      compressedClusters: tables.compressedClusters,
    }),
    warnings,
  };
}
