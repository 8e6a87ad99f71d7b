import { basename } from 'node:path';
import { SECTOR } from '../../bytes/sector.js';
import { Bitmaps } from '../block-bitmaps.js';
import type { Creation, FileState, Layer, SourceFile } from '../disk.js';
import type { FileTimes, SourceHandle } from '../file.js';
import type { FileEnds } from '../file-ends.js';
import { currentState, openedState } from '../file-state.js';
import { Findings } from '../findings.js';
import type { AllocationMap, Image, ImageFormat, ImageOptions, IsHidden, OpenContext, OpenedImage } from '../image.js';
import { positionOf, stateOf } from './bat-layout.js';
import type { BatStretch } from './bat-pages.js';
import { BlockMap } from './block-map.js';
import { detailsOf } from './details.js';
import { STATE } from './layout.js';
import { digestNow, isVhdx, readStructure, type Structure } from './structure.js';

/** A VHD Set: a small file beside the disk, which is in `.avhdx` files. */
const VHD_SET = /\.vhds$/i;

/** The format VHDX: fixed, dynamic or differencing. */
export const vhdx = {
  name: 'vhdx',

  probe({ head }: FileEnds): boolean {
    return isVhdx(head);
  },

  async open(file: SourceHandle, context: OpenContext): Promise<OpenedImage> {
    const opened = await file.statPath();
    if (VHD_SET.test(basename(file.path))) {
      context.findings.error(undefined, undefined, 'this is a VHD Set, which is not supported', {
        code: 'disk-unsupported',
        hint: 'name its newest .avhdx file',
      });
      return { summary: undefined, image: undefined };
    }
    const { summary, structure } = await readStructure(file, context);
    if (structure) warnOf(structure, context.findings);
    return { summary, image: structure && new VhdxImage(file, { opened, structure, context }) };
  },
} as const satisfies ImageFormat;

/** A VHDX whose structures were read. */
interface ReadVhdx {
  /** The times of the file before anything of it was read. */
  readonly opened: FileTimes;
  readonly structure: Structure;
  readonly context: OpenContext;
}

/** One VHDX file whose structures hold no error. */
class VhdxImage implements Image {
  readonly layer: Layer;
  readonly creation: Creation = { format: vhdx.name, record: undefined };
  readonly openedFiles: readonly SourceFile[];
  readonly #file: SourceHandle;
  readonly #options: ImageOptions;
  readonly #structure: Structure;
  readonly #bitmaps: Bitmaps;

  constructor(file: SourceHandle, { opened, structure, context }: ReadVhdx) {
    this.#file = file;
    this.#options = context.options;
    this.#structure = structure;
    this.#bitmaps = new Bitmaps(structure.log.file, structure.table.layout.bitmapLength);
    this.layer = layerOf(file.path, structure, context.findings);
    this.openedFiles = [{ ...openedState(file, opened), structure: structure.digest }];
  }

  async load(offset: number, end: number, isHidden: IsHidden): Promise<AllocationMap> {
    const { bat, metadata, log } = this.#structure;
    const { blockSize, logicalSectorSize, type } = metadata;
    const stretch = await bat.from(Math.floor(offset / blockSize));
    const part = { offset, end: Math.min(end, stretch.end * blockSize), bat: stretch };
    const { positions, reached } =
      type === 'differencing' ? this.#neededBitmaps(part, isHidden) : { positions: new Map(), reached: part.end };
    return new BlockMap({
      file: log.file,
      bat: stretch,
      blockSize,
      sectorSize: logicalSectorSize,
      emptyKind: type === 'differencing' ? 'absent' : 'zero',
      end: reached,
      bitmaps: await this.#bitmaps.load(positions),
    });
  }

  /** Returns the offsets of the bitmaps that a stretch needs, and where it has to end so that they are not too many. */
  #neededBitmaps(
    { offset, end, bat }: { readonly offset: number; readonly end: number; readonly bat: BatStretch },
    isHidden: IsHidden,
  ): { readonly positions: Map<number, number>; readonly reached: number } {
    const { blockSize } = this.#structure.metadata;
    const positions = new Map<number, number>();
    const blockEnd = Math.ceil(end / blockSize);
    for (let blockIndex = Math.floor(offset / blockSize); blockIndex < blockEnd;) {
      const start = blockIndex * blockSize;
      const word = bat.word(blockIndex);
      if (positionOf(word) === 0) {
        blockIndex = bat.nextOther(blockIndex + 1, blockEnd, word);
        continue;
      }
      blockIndex++;
      if (stateOf(word) !== STATE.partiallyPresent) continue;
      if (isHidden(Math.max(offset, start), Math.min(end, start + blockSize))) continue;
      if (positions.size === this.#bitmaps.batchSize) return { positions, reached: start };
      positions.set(blockIndex - 1, this.#structure.bat.bitmapPosition(blockIndex - 1));
    }
    return { positions, reached: end };
  }

  /** Reads the times first: a write while the structures are read changes them. */
  async currentFiles(): Promise<readonly SourceFile[]> {
    const state = await currentState(this.#file);
    const findings = new Findings(this.#file.path);
    return [{ ...state, structure: await digestNow(this.#file, { options: this.#options, findings }) }];
  }

  async fileStates(): Promise<readonly FileState[]> {
    return [await currentState(this.#file)];
  }

  dropCache(): void {
    this.#bitmaps.drop();
  }

  close(): Promise<void> {
    this.#structure.bat.release();
    return this.#file.close();
  }
}

/** Reports what is unusual about a file and does not make it unusable. */
function warnOf({ header, metadata: { logicalSectorSize } }: Structure, findings: Findings): void {
  if (header.dataWriteGuid === undefined)
    findings.warning(header.offset, 'header data write GUID', 'the data write GUID is all zeros', { code: 'no-id' });
  if (logicalSectorSize !== SECTOR)
    findings.warning(
      undefined,
      'logical sector size',
      `the disk has sectors of ${logicalSectorSize} bytes: a machine with sectors of ${SECTOR} bytes does not find its partitions`,
      { code: 'sector-size' },
    );
}

function layerOf(path: string, structure: Structure, { warnings }: Findings): Layer {
  const { creator, header, metadata, bat } = structure;
  const { type, size, blockSize, logicalSectorSize, parent } = metadata;
  return {
    path,
    format: vhdx.name,
    type,
    id: header.dataWriteGuid,
    parentId: parent?.linkage,
    size,
    allocated: Math.min(size, bat.allocatedBlocks * blockSize),
    blockSize,
    sectorSize: logicalSectorSize,
    creator,
    details: detailsOf(structure),
    warnings,
  };
}
