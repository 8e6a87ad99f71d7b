import { endianness } from 'node:os';
import type { SourceHandle } from '../file.js';
import type { Findings } from '../findings.js';
import type { Header } from './header.js';
import { HEADER, HEADER_LENGTH, NOT_ALLOCATED, SECTOR, hex } from './layout.js';
import { bitmapLength } from './bitmap.js';

/** The largest BAT that is held in memory: 64 MiB, enough for 2 TiB in blocks of 128 KiB. */
const MAX_ENTRIES = 16 * 1024 * 1024;
/** The table is read again so many entries at a time: 1 MiB. */
const STEP = 256 * 1024;
/** So many wrong entries are told one by one. */
const MAX_TOLD = 100;

/** The block allocation table of a sparse disk. Without errors in the findings every block is inside the file and none overlaps another. */
export class Bat {
  /** Absolute sector of each block, or `NOT_ALLOCATED`; as many as the current size needs. */
  readonly #sectors: Uint32Array;
  readonly allocatedBlocks: number;

  private constructor(sectors: Uint32Array, allocatedBlocks: number) {
    this.#sectors = sectors;
    this.allocatedBlocks = allocatedBlocks;
  }

  /** Reads and checks the table; `undefined`, with an error, where it is more than can be held. */
  static async read(file: SourceHandle, header: Header, size: number, dataEnd: number, findings: Findings): Promise<Bat | undefined> {
    const needed = Math.ceil(size / header.blockSize);
    if (needed > MAX_ENTRIES) {
      findings.error(header.offset + HEADER.blockSize[0], 'dynamic header block size',
        `${header.blockSize} bytes make ${needed} blocks, more than ${MAX_ENTRIES}`, { code: 'disk-unsupported' });
      return undefined;
    }
    const sectors = await readEntries(file, header.tableOffset, needed);
    const inFile = allocated(sectors);
    check(sectors, inFile, header, size, dataEnd, findings);
    return new Bat(sectors, inFile.length);
  }

  /** Where a block begins in the file, its bitmap first; `undefined` where the file does not hold it. */
  position(blockIndex: number): number | undefined {
    const sector = this.#sectors[blockIndex] ?? NOT_ALLOCATED;
    return sector === NOT_ALLOCATED ? undefined : sector * SECTOR;
  }

  /** The first block from `blockIndex` on that the file holds, or `end` where none before it is one. */
  nextAllocated(blockIndex: number, end: number): number {
    const sectors = this.#sectors;
    const last = Math.min(end, sectors.length);
    for (let index = blockIndex; index < last; index++) if (sectors[index] !== NOT_ALLOCATED) return index;
    return end;
  }

  /** The entries as bytes, for a digest. */
  bytes(): Uint8Array {
    return new Uint8Array(this.#sectors.buffer);
  }

  /** What `bytes` would return of the table that is in the file now, in pieces of at most 1 MiB. */
  async *bytesIn(file: SourceHandle, { tableOffset }: Header): AsyncGenerator<Uint8Array> {
    for (let index = 0; index < this.#sectors.length; index += STEP) {
      const entries = await readEntries(file, tableOffset + index * 4, Math.min(STEP, this.#sectors.length - index));
      yield new Uint8Array(entries.buffer);
    }
  }
}

async function readEntries(file: SourceHandle, position: number, count: number): Promise<Uint32Array<ArrayBuffer>> {
  const entries = new Uint32Array(count);
  const bytes = Buffer.from(entries.buffer);
  await file.read(position, bytes);
  if (endianness() === 'LE') bytes.swap32();
  return entries;
}

/** The entries of the blocks that the file holds, as a copy. A table has a million entries, so this counts before it takes memory. */
function allocated(sectors: Uint32Array): Uint32Array {
  let count = 0;
  for (let index = 0; index < sectors.length; index++) if (sectors[index] !== NOT_ALLOCATED) count++;
  const found = new Uint32Array(count);
  for (let index = 0, next = 0; next < count; index++) {
    const sector = sectors[index] ?? NOT_ALLOCATED;
    if (sector !== NOT_ALLOCATED) found[next++] = sector;
  }
  return found;
}

/**
 * Reports each block that is not wholly inside the file's data, or overlaps something else; many of them as a count.
 * `inFile`, the entries of allocated blocks, is put in order.
 */
function check(sectors: Uint32Array, inFile: Uint32Array, header: Header, size: number, dataEnd: number, findings: Findings): void {
  let wrong = 0;
  const refuse = (blockIndex: number, problem: string) => {
    if (++wrong > MAX_TOLD) return;
    findings.error(header.tableOffset + blockIndex * 4, `BAT entry ${blockIndex}`, `sector ${hex(sectors[blockIndex] ?? 0)} ${problem}`);
  };
  const prefix = bitmapLength(header.blockSize);
  for (let blockIndex = 0; blockIndex < sectors.length; blockIndex++) {
    const sector = sectors[blockIndex] ?? NOT_ALLOCATED;
    if (sector === NOT_ALLOCATED) continue;
    const start = sector * SECTOR;
    // What the last block holds beyond the disk's size is no part of the disk, and need not be there.
    const end = start + prefix + Math.min(header.blockSize, size - blockIndex * header.blockSize);
    const problem = misplaced(start, end, start + prefix, header, dataEnd);
    if (problem !== undefined) refuse(blockIndex, problem);
  }
  inFile.sort();
  const stride = (prefix + header.blockSize) / SECTOR;
  for (let index = 1; index < inFile.length; index++) {
    const before = inFile[index - 1] ?? 0;
    const sector = inFile[index] ?? 0;
    if (sector - before < stride) refuse(wrong < MAX_TOLD ? sectors.lastIndexOf(sector) : 0, `overlaps the block at sector ${hex(before)}`);
  }
  if (wrong > MAX_TOLD) findings.error(header.tableOffset, 'BAT', `${wrong - MAX_TOLD} more problems of its entries are not listed`);
}

/** What is wrong with a block at `[start, end)`, whose bitmap ends at `bitmapEnd`. */
function misplaced(start: number, end: number, bitmapEnd: number, header: Header, dataEnd: number): string | undefined {
  const overlaps = (from: number, to: number) => start < to && end > from;
  if (end > dataEnd) {
    const cut = start >= dataEnd ? '' : bitmapEnd > dataEnd ? '; its sector bitmap is cut short' : '; its data is cut short';
    return `puts the block at ${start} to ${end}, past the end of the file's data at ${dataEnd}${cut}`;
  }
  if (start < SECTOR) return 'points into the footer copy';
  if (overlaps(header.offset, header.offset + HEADER_LENGTH)) return 'points into the dynamic header';
  if (overlaps(header.tableOffset, header.tableOffset + header.maxTableEntries * 4)) return 'points into the BAT';
  return undefined;
}
