import { createHash } from 'node:crypto';
import type { FileTimes, SourceHandle } from '../file.js';
import type { FileEnds } from '../file-ends.js';
import { currentState, openedState } from '../file-state.js';
import { Findings } from '../findings.js';
import { FlatMap } from '../flat-map.js';
import type { AllocationMap, Image, ImageFormat, ImageOptions, IsHidden, OpenContext, OpenedImage } from '../image.js';
import type { Creation, FileState, Layer, SourceFile } from '../disk.js';
import { bitmapLength } from './bitmap.js';
import { Bitmaps } from '../block-bitmaps.js';
import { BlockMap } from './block-map.js';
import { findFooter } from './find-footer.js';
import { creatorName, hasCookie } from './footer.js';
import { HEADER_LENGTH, SECTOR } from './layout.js';
import { readStructure, type Structure } from './structure.js';

/** The format VHD: fixed, dynamic or differencing. */
export const vhd = {
  name: 'vhd',

  /** A footer may be at the end, with 512 or 511 bytes, or at the start; a file that lost that one begins with the dynamic header. */
  probe({ head, tail }: FileEnds): boolean {
    return (
      [tail, tail.subarray(1), head].some(hasCookie) ||
      Buffer.from(head.subarray(0, 8)).toString('latin1') === 'cxsparse'
    );
  },

  async open(file: SourceHandle, context: OpenContext): Promise<OpenedImage> {
    const opened = await file.statPath();
    const { summary, structure } = await readStructure(file, context);
    return { summary, image: structure && new VhdImage(file, { opened, structure, context }) };
  },
} as const satisfies ImageFormat;

/** A VHD whose structures were read. */
interface ReadVhd {
  /** The times of the file before anything of it was read. */
  readonly opened: FileTimes;
  readonly structure: Structure;
  readonly context: OpenContext;
}

/** One VHD file whose structures hold no error. */
class VhdImage implements Image {
  readonly layer: Layer;
  readonly creation: Creation;
  readonly openedFiles: readonly SourceFile[];
  readonly #file: SourceHandle;
  readonly #options: ImageOptions;
  readonly #structure: Structure;
  readonly #bitmaps: Bitmaps;

  constructor(file: SourceHandle, { opened, structure, context }: ReadVhd) {
    this.#file = file;
    this.#options = context.options;
    this.#structure = structure;
    this.#bitmaps = new Bitmaps(file, bitmapLength(structure.sparse?.header.blockSize ?? SECTOR));
    this.layer = layerOf(file.path, structure, context.findings);
    this.creation = { format: vhd.name, record: structure.footer.bytes };
    this.openedFiles = [{ ...openedState(file, opened), structure: structure.digest }];
  }

  async load(offset: number, end: number, isHidden: IsHidden): Promise<AllocationMap> {
    const { sparse } = this.#structure;
    if (!sparse) return new FlatMap(this.#file, end);
    const {
      header: { blockSize },
    } = sparse;
    const firstBlock = Math.floor(offset / blockSize);
    const bat = await sparse.bat.from(firstBlock);
    let reached = Math.min(end, bat.end * blockSize);
    const file = this.#file;
    if (this.layer.type !== 'differencing') return new BlockMap({ file, bat, blockSize, end: reached });
    const positions = new Map<number, number>();
    const blockEnd = Math.ceil(reached / blockSize);
    for (
      let blockIndex = bat.nextAllocated(firstBlock, blockEnd);
      blockIndex < blockEnd;
      blockIndex = bat.nextAllocated(blockIndex + 1, blockEnd)
    ) {
      const start = blockIndex * blockSize;
      const position = bat.position(blockIndex);
      if (position === undefined || isHidden(Math.max(offset, start), Math.min(reached, start + blockSize))) continue;
      if (positions.size === this.#bitmaps.batchSize) {
        reached = start;
        break;
      }
      positions.set(blockIndex, position);
    }
    return new BlockMap({ file, bat, blockSize, end: reached, bitmaps: await this.#bitmaps.load(positions) });
  }

  /** Reads the times first: a write while the structures are read changes them. */
  async currentFiles(): Promise<readonly SourceFile[]> {
    const state = await currentState(this.#file);
    const findings = new Findings(this.#file.path);
    const found = await findFooter(this.#file, this.#options, findings);
    findings.refuse();
    const hash = createHash('sha256').update(found?.footer.bytes ?? '');
    const { sparse } = this.#structure;
    if (sparse) {
      const header = new Uint8Array(HEADER_LENGTH);
      await this.#file.read(sparse.header.offset, header);
      hash.update(header);
      await sparse.bat.readAgain(hash);
    }
    return [{ ...state, structure: hash.digest('hex') }];
  }

  async fileStates(): Promise<readonly FileState[]> {
    return [await currentState(this.#file)];
  }

  dropCache(): void {
    this.#bitmaps.drop();
  }

  close(): Promise<void> {
    this.#structure.sparse?.bat.release();
    return this.#file.close();
  }
}

function layerOf(path: string, { footer, type, size, sparse }: Structure, { warnings }: Findings): Layer {
  return {
    path,
    format: vhd.name,
    type,
    id: footer.uniqueId,
    parentId: type === 'differencing' ? sparse?.header.parentId : undefined,
    size,
    allocated: sparse ? Math.min(size, sparse.bat.allocatedBlocks * sparse.header.blockSize) : size,
    blockSize: sparse?.header.blockSize,
    sectorSize: SECTOR,
    creator: creatorName(footer),
    details: [],
    warnings,
  };
}
