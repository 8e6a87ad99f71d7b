import type { BlockBitmaps } from '../block-bitmaps.js';
import type { SourceHandle } from '../file.js';
import type { AllocationMap, Segment } from '../image.js';
import { EMPTY_WORD, ZERO_WORD, positionOf, stateOf } from './bat-layout.js';
import type { BatStretch } from './bat-pages.js';
import { STATE } from './layout.js';
import { isSet, runEnd } from './sector-bitmap.js';

/** What a stretch of an image is described by. */
export interface BlockStretch {
  readonly file: SourceHandle;
  readonly bat: BatStretch;
  /** Bytes of a block, and of a logical sector. */
  readonly blockSize: number;
  readonly sectorSize: number;
  /** The kind of a block that the file does not hold. */
  readonly emptyKind: 'zero' | 'absent';
  /** First byte after the stretch. */
  readonly end: number;
  /** The bitmaps of the partially present blocks of the stretch, without those of hidden blocks. */
  readonly bitmaps: BlockBitmaps;
}

/** A stretch of an image. */
export class BlockMap implements AllocationMap {
  readonly end: number;
  readonly #stretch: BlockStretch;
  readonly #blockEnd: number;

  constructor(stretch: BlockStretch) {
    this.#stretch = stretch;
    this.end = stretch.end;
    this.#blockEnd = Math.ceil(stretch.end / stretch.blockSize);
  }

  segmentAt(offset: number): Segment {
    const { bat, blockSize, sectorSize, emptyKind, bitmaps } = this.#stretch;
    const blockIndex = Math.floor(offset / blockSize);
    const word = bat.word(blockIndex);
    if (word === EMPTY_WORD || word === ZERO_WORD) {
      const end = Math.min(this.end, bat.nextOther(blockIndex + 1, this.#blockEnd, word) * blockSize);
      return { offset, length: end - offset, kind: word === ZERO_WORD ? 'zero' : emptyKind };
    }
    const start = blockIndex * blockSize;
    const end = Math.min(this.end, start + blockSize);
    if (stateOf(word) === STATE.fullyPresent) return { offset, length: end - offset, kind: 'data' };
    const bitmap = bitmaps.get(blockIndex);
    if (!bitmap) throw new RangeError(`the bitmap of block ${blockIndex} was not loaded`);
    const sectorIndex = Math.floor((offset - start) / sectorSize);
    const to = Math.min(end, start + runEnd(bitmap, sectorIndex, Math.ceil((end - start) / sectorSize)) * sectorSize);
    return { offset, length: to - offset, kind: isSet(bitmap, sectorIndex) ? 'data' : 'absent' };
  }

  /** A `data` segment lies within one block, so its bytes are together in the file. */
  read(offset: number, into: Uint8Array): Promise<void> {
    const { file, bat, blockSize } = this.#stretch;
    const blockIndex = Math.floor(offset / blockSize);
    const word = bat.word(blockIndex);
    if (stateOf(word) < STATE.fullyPresent) throw new RangeError(`the file does not hold block ${blockIndex}`);
    return file.read(positionOf(word) + offset - blockIndex * blockSize, into);
  }
}
