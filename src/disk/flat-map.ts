import type { SourceHandle } from './file.js';
import type { AllocationMap, Segment } from './image.js';
import { zeroFill } from '../bytes/zero-fill.js';

/** A stretch of an image that stores the disk byte for byte from the start of its file: a fixed VHD, or a raw image. */
export class FlatMap implements AllocationMap {
  readonly end: number;
  readonly #file: SourceHandle;
  /** What the disk has after this many bytes is not in the file, and zero. */
  readonly #stored: number;

  constructor(file: SourceHandle, end: number, stored = Infinity) {
    this.#file = file;
    this.end = end;
    this.#stored = stored;
  }

  segmentAt(offset: number): Segment {
    return { offset, length: this.end - offset, kind: 'data' };
  }

  read(offset: number, into: Uint8Array): Promise<void> {
    const stored = this.#stored - offset;
    if (stored >= into.length) return this.#file.read(offset, into);
    const length = Math.max(0, stored);
    zeroFill(into.subarray(length));
    return this.#file.read(offset, into.subarray(0, length));
  }
}
