import type { SourceHandle } from '../file.js';
import type { AllocationMap, Segment } from '../image.js';
import type { BatStretch } from './bat-pages.js';
import { bitmapLength, isSet, runEnd } from './bitmap.js';
import type { BlockBitmaps } from '../block-bitmaps.js';
import { SECTOR } from './layout.js';

/** What a stretch of a sparse image is described by. */
export interface BlockStretch {
  readonly file: SourceHandle;
  readonly bat: BatStretch;
  /** Bytes of data in a block. */
  readonly blockSize: number;
  /** First byte after the stretch. */
  readonly end: number;
  /** The bitmaps of all blocks of the stretch that are asked for. `undefined` for a dynamic disk: its blocks are whole. */
  readonly bitmaps?: BlockBitmaps;
}

/** A stretch of a dynamic or differencing image. */
export class BlockMap implements AllocationMap {
  readonly end: number;
  readonly #stretch: BlockStretch;
  /** Bytes of the bitmap before a block's data. */
  readonly #prefix: number;
  readonly #blockEnd: number;

  constructor(stretch: BlockStretch) {
    this.#stretch = stretch;
    this.end = stretch.end;
    this.#prefix = bitmapLength(stretch.blockSize);
    this.#blockEnd = Math.ceil(stretch.end / stretch.blockSize);
  }

  segmentAt(offset: number): Segment {
    const { bat, blockSize, bitmaps } = this.#stretch;
    const blockIndex = Math.floor(offset / blockSize);
    if (bat.position(blockIndex) === undefined) {
      const end = Math.min(this.end, bat.nextAllocated(blockIndex + 1, this.#blockEnd) * blockSize);
      return { offset, length: end - offset, kind: bitmaps ? 'absent' : 'zero' };
    }
    const start = blockIndex * blockSize;
    const end = Math.min(this.end, start + blockSize);
    if (!bitmaps) return { offset, length: end - offset, kind: 'data' };
    const bitmap = bitmaps.get(blockIndex);
    if (!bitmap) throw new RangeError(`the bitmap of block ${blockIndex} was not loaded`);
    const sectorIndex = Math.floor((offset - start) / SECTOR);
    const to = Math.min(end, start + runEnd(bitmap, sectorIndex, Math.ceil((end - start) / SECTOR)) * SECTOR);
    return { offset, length: to - offset, kind: isSet(bitmap, sectorIndex) ? 'data' : 'absent' };
  }

  /** A `data` segment lies within one block, so its bytes are together in the file. */
  read(offset: number, into: Uint8Array): Promise<void> {
    const { file, bat, blockSize } = this.#stretch;
    const blockIndex = Math.floor(offset / blockSize);
    const position = bat.position(blockIndex);
    if (position === undefined) throw new RangeError(`the file does not hold block ${blockIndex}`);
    return file.read(position + this.#prefix + offset - blockIndex * blockSize, into);
  }
}
