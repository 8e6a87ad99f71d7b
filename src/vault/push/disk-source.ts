import { isZero } from '../../bytes/zeros.js';
import { endOf, type Range } from '../../bytes/range.js';
import type { Disk } from '../../disk/disk.js';
import { MAX_BLOCK } from '../../toc/entry.js';
import type { SourceBlock, VersionSource } from './source.js';

/** What is read at a time. */
const WINDOW = 16 * MAX_BLOCK;

/** A disk, in blocks of 64 KiB. */
export class DiskSource implements VersionSource {
  readonly type = 'disk';
  readonly #disk: Pick<Disk, 'size' | 'read' | 'extentBatches'>;

  constructor(disk: Pick<Disk, 'size' | 'read' | 'extentBatches'>) {
    this.#disk = disk;
  }

  get bytes(): number {
    return this.#disk.size;
  }

  async *blocks(): AsyncGenerator<SourceBlock> {
    const { size } = this.#disk;
    let next = 0;
    for await (const window of this.#windows()) {
      if (window.offset > next) yield { start: next, length: window.offset - next, bytes: undefined };
      const bytes = Buffer.alloc(window.length);
      await this.#disk.read(window.offset, bytes);
      for (let at = 0; at < bytes.length; at += MAX_BLOCK) {
        const block = bytes.subarray(at, at + MAX_BLOCK);
        yield { start: window.offset + at, length: block.length, bytes: isZero(block) ? undefined : block };
      }
      next = endOf(window);
    }
    if (next < size) yield { start: next, length: size - next, bytes: undefined };
  }

  /** Yields the ranges that hold data, in whole blocks, each once, and none longer than a window. */
  async *#windows(): AsyncGenerator<Range> {
    const { size } = this.#disk;
    let next = 0;
    for await (const batch of this.#disk.extentBatches()) {
      for (const { offset, length, kind } of batch) {
        if (kind !== 'data') continue;
        const from = Math.max(next, offset - (offset % MAX_BLOCK));
        const end = Math.min(Math.ceil((offset + length) / MAX_BLOCK) * MAX_BLOCK, size);
        for (let at = from; at < end; at += WINDOW) yield { offset: at, length: Math.min(WINDOW, end - at) };
        next = Math.max(next, end);
      }
    }
  }
}
