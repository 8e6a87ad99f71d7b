import type { SourceHandle } from '../file.js';
import { VhdupError } from '../../errors.js';
import type { Header } from './header.js';
import { hex, invalid } from './invalid.js';
import { HEADER_LENGTH, NOT_ALLOCATED, SECTOR } from './layout.js';
import { bitmapLength } from './bitmap.js';

/** The largest BAT that is held in memory: 64 MiB, enough for 2 TiB in blocks of 128 KiB. */
const MAX_ENTRIES = 16 * 1024 * 1024;

/** The block allocation table of a sparse disk, checked: every block is inside the file and none overlaps another. */
export class Bat {
  /** Absolute sector of each block, or `NOT_ALLOCATED`; as many as the current size needs. */
  readonly #sectors: Uint32Array;
  readonly allocatedBlocks: number;

  private constructor(sectors: Uint32Array, allocatedBlocks: number) {
    this.#sectors = sectors;
    this.allocatedBlocks = allocatedBlocks;
  }

  static async read(file: SourceHandle, header: Header, size: number, dataEnd: number): Promise<Bat> {
    const count = Math.ceil(size / header.blockSize);
    if (count > MAX_ENTRIES) {
      throw new VhdupError('disk-unsupported', `${file.path}: dynamic header block size at offset ${header.offset + 32}: ${header.blockSize} bytes make ${count} blocks, more than ${MAX_ENTRIES}`);
    }
    const bytes = Buffer.alloc(count * 4);
    await file.read(header.tableOffset, bytes);
    bytes.swap32();
    const littleEndian = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const sectors = new Uint32Array(count);
    for (let index = 0; index < count; index++) sectors[index] = littleEndian.getUint32(index * 4, true);
    return new Bat(sectors, check(sectors, file.path, header, size, dataEnd));
  }

  /** Where a block begins in the file, its bitmap first; `undefined` where the file does not hold it. */
  position(blockIndex: number): number | undefined {
    const sector = this.#sectors[blockIndex] ?? NOT_ALLOCATED;
    return sector === NOT_ALLOCATED ? undefined : sector * SECTOR;
  }

  /** The entries as bytes, for a digest. */
  bytes(): Uint8Array {
    return new Uint8Array(this.#sectors.buffer);
  }
}

/** Throws for a block that is not wholly inside the file's data, or overlaps another; returns how many there are. */
function check(sectors: Uint32Array, path: string, header: Header, size: number, dataEnd: number): number {
  const entryAt = (blockIndex: number) => header.tableOffset + blockIndex * 4;
  const tableEnd = header.tableOffset + header.maxTableEntries * 4;
  const prefix = bitmapLength(header.blockSize);
  const overlaps = (start: number, end: number, from: number, to: number) => start < to && end > from;
  let allocated = 0;
  for (const [blockIndex, sector] of sectors.entries()) {
    if (sector === NOT_ALLOCATED) continue;
    allocated++;
    const start = sector * SECTOR;
    // What the last block holds beyond the disk's size is no part of the disk, and need not be there.
    const end = start + prefix + Math.min(header.blockSize, size - blockIndex * header.blockSize);
    const refuse = (problem: string) => invalid(path, entryAt(blockIndex), `BAT entry ${blockIndex}`, `sector ${hex(sector)} ${problem}`);
    if (end > dataEnd) throw refuse(`puts the block at ${start} to ${end}, past the end of the file's data at ${dataEnd}`);
    if (start < SECTOR) throw refuse('points into the footer copy');
    if (overlaps(start, end, header.offset, header.offset + HEADER_LENGTH)) throw refuse('points into the dynamic header');
    if (overlaps(start, end, header.tableOffset, tableEnd)) throw refuse('points into the BAT');
  }
  const inFile = sectors.filter((sector) => sector !== NOT_ALLOCATED).sort();
  const stride = (prefix + header.blockSize) / SECTOR;
  for (let index = 1; index < inFile.length; index++) {
    const before = inFile[index - 1] ?? 0;
    const sector = inFile[index] ?? 0;
    if (sector - before < stride) {
      const blockIndex = sectors.lastIndexOf(sector);
      throw invalid(path, entryAt(blockIndex), `BAT entry ${blockIndex}`, `sector ${hex(sector)} overlaps the block at sector ${hex(before)}`);
    }
  }
  return allocated;
}
