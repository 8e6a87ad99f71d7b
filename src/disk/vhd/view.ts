import type { Segment, View } from '../image.js';
import type { BatStretch } from './bat-pages.js';
import { bitmapLength, isSet, runEnd } from './bitmap.js';
import type { BlockBitmaps } from './bitmaps.js';
import { SECTOR } from './layout.js';

/** What a view of a sparse image is made of. */
export interface SparseStretch {
  readonly bat: BatStretch;
  readonly blockSize: number;
  /** First byte behind the stretch. */
  readonly end: number;
  /** Of all blocks of the stretch that are asked for. `undefined` for a dynamic disk: it has its blocks whole. */
  readonly bitmaps?: BlockBitmaps;
}

/** A stretch of a dynamic or differencing image. */
export class SparseView implements View {
  readonly end: number;
  readonly #stretch: SparseStretch;
  /** Bytes of the bitmap before a block's data. */
  readonly #prefix: number;
  readonly #blockEnd: number;

  constructor(stretch: SparseStretch) {
    this.#stretch = stretch;
    this.end = stretch.end;
    this.#prefix = bitmapLength(stretch.blockSize);
    this.#blockEnd = Math.ceil(stretch.end / stretch.blockSize);
  }

  segmentAt(offset: number): Segment {
    const { bat, blockSize, bitmaps } = this.#stretch;
    const blockIndex = Math.floor(offset / blockSize);
    const position = bat.position(blockIndex);
    if (position === undefined) {
      const end = Math.min(this.end, bat.nextAllocated(blockIndex + 1, this.#blockEnd) * blockSize);
      return { offset, length: end - offset, kind: bitmaps ? 'absent' : 'zero', position: 0 };
    }
    const start = blockIndex * blockSize;
    const end = Math.min(this.end, start + blockSize);
    const data = position + this.#prefix + offset - start;
    if (!bitmaps) return { offset, length: end - offset, kind: 'data', position: data };
    const bitmap = bitmaps.get(blockIndex);
    if (!bitmap) throw new RangeError(`the bitmap of block ${blockIndex} was not loaded`);
    const sectorIndex = Math.floor((offset - start) / SECTOR);
    const to = Math.min(end, start + runEnd(bitmap, sectorIndex, Math.ceil((end - start) / SECTOR)) * SECTOR);
    return isSet(bitmap, sectorIndex)
      ? { offset, length: to - offset, kind: 'data', position: data }
      : { offset, length: to - offset, kind: 'absent', position: 0 };
  }
}
