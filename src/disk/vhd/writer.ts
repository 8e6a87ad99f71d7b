import { PIECE_ALIGNMENT, type DiskWriter, type Part } from '../disk-writer.js';
import type { OutputFile } from '../output-file.js';
import { VhdupError } from '../../errors.js';
import { bitmapLength, setBits } from './bitmap.js';
import { sparseFooter } from './make-footer.js';
import { makeHeader } from './make-header.js';
import { FOOTER, FOOTER_LENGTH, HEADER_LENGTH, MAX_SPARSE_SIZE, NOT_ALLOCATED, SECTOR, uint64 } from './layout.js';
import { makeLocators, type ParentLink } from './parent-link.js';
import { option } from '../../option-names.js';

/** The block size that the specification recommends; every reader accepts it. */
const BLOCK = PIECE_ALIGNMENT;
const BITMAP = bitmapLength(BLOCK);

/** The description of a sparse VHD that is to be written. */
export interface SparseSpec {
  /** The footer of a fixed VHD, 512 bytes: the new disk has its identity, sizes, geometry, times and creator. */
  readonly footer: Uint8Array;
  /** Set for a differencing disk. */
  readonly parent?: ParentLink | undefined;
}

/**
 * Writes a dynamic or differencing VHD: footer copy, header, parent locators, BAT, blocks in the order in which they come,
 * footer. A block is stored if any part of it is; its other parts are holes in the file.
 */
export class SparseVhdWriter implements DiskWriter {
  readonly #file: OutputFile;
  readonly #spec: SparseSpec;
  readonly #locators: readonly Uint8Array[];
  readonly #tableOffset: number;
  readonly #dataOffset: number;
  /** Absolute sector of each block. */
  readonly #bat: Uint32Array;
  #end: number;
  /** BAT entries `[from, to)` that are not written to the file yet. */
  #changed = { from: 0, to: 0 };

  private constructor(file: OutputFile, spec: SparseSpec) {
    const size = Number(uint64(spec.footer, FOOTER.currentSize));
    checkSparseSize(size, file.path);
    this.#file = file;
    this.#spec = spec;
    this.#locators = spec.parent ? makeLocators(spec.parent).map(({ data }) => data) : [];
    this.#tableOffset =
      FOOTER_LENGTH + HEADER_LENGTH + this.#locators.reduce((sum, { length }) => sum + wholeSectors(length), 0);
    this.#bat = new Uint32Array(Math.ceil(size / BLOCK)).fill(NOT_ALLOCATED);
    this.#dataOffset = this.#tableOffset + wholeSectors(this.#bat.length * 4);
    this.#end = this.#dataOffset;
  }

  /** Begins in an empty file. Throws `disk-unsupported` for a disk above 2,040 GiB. */
  static async create(file: OutputFile, spec: SparseSpec): Promise<SparseVhdWriter> {
    const writer = new SparseVhdWriter(file, spec);
    await file.write(writer.#tableOffset, new Uint8Array(writer.#dataOffset - writer.#tableOffset).fill(0xff));
    return writer;
  }

  /**
   * Continues a file that another writer with the same spec has begun. `end`: the value of the other writer's `end` when the file
   * was last durable. Later blocks are dropped.
   */
  static async resume(file: OutputFile, spec: SparseSpec, end: number): Promise<SparseVhdWriter> {
    const writer = new SparseVhdWriter(file, spec);
    const table = Buffer.alloc(writer.#bat.length * 4);
    await file.read(writer.#tableOffset, table);
    for (let index = 0; index < writer.#bat.length; index++) {
      const sector = table.readUInt32BE(index * 4);
      if (sector * SECTOR < end) writer.#bat[index] = sector;
    }
    await file.truncate(end);
    writer.#end = end;
    writer.#changed = { from: 0, to: writer.#bat.length };
    return writer;
  }

  get end(): number {
    return this.#end;
  }

  async put(offset: number, piece: Uint8Array, parts: readonly Part[]): Promise<void> {
    if (offset % BLOCK !== 0) throw new RangeError(`${offset} is not a multiple of the block size`);
    for (let start = 0; start < piece.length; start += BLOCK) {
      const end = Math.min(start + BLOCK, piece.length);
      const own = parts.flatMap((part) => clip(part, start, end));
      if (own.length > 0) await this.#putBlock((offset + start) / BLOCK, piece.subarray(start, end), own);
    }
  }

  async sync(): Promise<void> {
    await this.#writeTable();
    await this.#file.sync();
  }

  async finish(): Promise<void> {
    const { footer, parent } = this.#spec;
    await this.#file.truncate(this.#end);
    await this.#writeTable();
    let at = FOOTER_LENGTH + HEADER_LENGTH;
    for (const data of this.#locators) {
      await this.#file.write(at, data);
      at += wholeSectors(data.length);
    }
    await this.#file.write(
      FOOTER_LENGTH,
      makeHeader({ tableOffset: this.#tableOffset, maxTableEntries: this.#bat.length, blockSize: BLOCK, parent }),
    );
    await this.#file.sync();
    const own = sparseFooter(footer, { isDifferencing: parent !== undefined, headerOffset: FOOTER_LENGTH });
    await this.#file.write(0, own);
    await this.#file.write(this.#end, own);
    await this.#file.sync();
  }

  /** Stores a block. It is passed as a whole, so its whole bitmap is known: nothing has to be kept for later. */
  async #putBlock(blockIndex: number, block: Uint8Array, parts: readonly Part[]): Promise<void> {
    const position = this.#allocate(blockIndex);
    for (const { offset, length } of parts)
      await this.#file.write(position + BITMAP + offset, block.subarray(offset, offset + length));
    // Most readers of a dynamic disk ignore the bitmap; for the others all sectors are marked as present.
    const bitmap = new Uint8Array(BITMAP).fill(this.#spec.parent ? 0 : 0xff);
    if (this.#spec.parent)
      for (const { offset, length } of parts) setBits(bitmap, offset / SECTOR, (offset + length) / SECTOR);
    await this.#file.write(position, bitmap);
  }

  #allocate(blockIndex: number): number {
    const sector = this.#bat[blockIndex];
    if (sector === undefined) throw new RangeError(`the disk has no block ${blockIndex}`);
    if (sector !== NOT_ALLOCATED) return sector * SECTOR;
    const position = this.#end;
    this.#bat[blockIndex] = position / SECTOR;
    this.#end += BITMAP + BLOCK;
    const { from, to } = this.#changed;
    this.#changed =
      from === to
        ? { from: blockIndex, to: blockIndex + 1 }
        : { from: Math.min(from, blockIndex), to: Math.max(to, blockIndex + 1) };
    return position;
  }

  async #writeTable(): Promise<void> {
    const { from, to } = this.#changed;
    this.#changed = { from: 0, to: 0 };
    const bytes = Buffer.alloc((to - from) * 4);
    for (let index = from; index < to; index++)
      bytes.writeUInt32BE(this.#bat[index] ?? NOT_ALLOCATED, (index - from) * 4);
    await this.#file.write(this.#tableOffset + from * 4, bytes);
  }
}

/** Throws `disk-unsupported` for a disk above 2,040 GiB. `name`: of the disk, for the message. */
export function checkSparseSize(size: number, name: string): void {
  if (size <= MAX_SPARSE_SIZE) return;
  throw new VhdupError(
    'disk-unsupported',
    `${name}: a disk of ${size} bytes is above the limit of sparse VHDs, 2,040 GiB`,
    { hint: `use ${option('format', 'fixed')} or ${option('format', 'raw')}` },
  );
}

/** Returns what of `part` is within `[start, end)`, with its offset from `start`; nothing if they do not overlap. */
function clip({ offset, length }: Part, start: number, end: number): Part[] {
  const from = Math.max(offset, start);
  const to = Math.min(offset + length, end);
  return from < to ? [{ offset: from - start, length: to - from }] : [];
}

function wholeSectors(length: number): number {
  return Math.ceil(length / SECTOR) * SECTOR;
}
