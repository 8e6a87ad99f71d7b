import { join } from 'node:path';
import type { Write } from '../../fixtures/vhd.js';
import { GIB, KIB, MIB, writeDynamic, type Input } from './input.js';
import { noise, Random } from './random.js';

/** 1 GiB with 200 MiB in extents of 2 MiB, which lie across the blocks of the VHD. */
export function scattered(folder: string): Promise<Input> {
  return writeDynamic('1 GiB, 200 MiB scattered', join(folder, 'scattered.vhd'), GIB, inSlots(GIB, 100, 2 * MIB));
}

/** 8 GiB with 300 MiB. */
export function large(folder: string): Promise<Input> {
  return writeDynamic('8 GiB, 300 MiB scattered', join(folder, 'large.vhd'), 8 * GIB, inSlots(8 * GIB, 150, 2 * MIB));
}

/** The largest dynamic VHD, 2,040 GiB, with the data of `large`. */
export function huge(folder: string): Promise<Input> {
  return writeDynamic(
    '2040 GiB, 300 MiB scattered',
    join(folder, 'huge.vhd'),
    2040 * GIB,
    inSlots(2040 * GIB, 150, 2 * MIB),
  );
}

/** The disk of `large`, with other data in one extent of ten. It knows nothing of the first one. */
export function largeAgain(folder: string): Promise<Input> {
  return again('8 GiB, 300 MiB scattered, 30 MiB of it changed', join(folder, 'large-again.vhd'), 8 * GIB);
}

/** The same of `huge`. */
export function hugeAgain(folder: string): Promise<Input> {
  return again('2040 GiB, 300 MiB scattered, 30 MiB of it changed', join(folder, 'huge-again.vhd'), 2040 * GIB);
}

function again(name: string, path: string, size: number): Promise<Input> {
  const random = new Random(8);
  const writes = inSlots(size, 150, 2 * MIB).map((write, index) =>
    index % 10 === 0 ? { ...write, data: noise(random, 2 * MIB) } : write,
  );
  return writeDynamic(name, path, size, writes);
}

/** 4 KiB in each 256 KiB. */
export function sparse(folder: string): Promise<Input> {
  const writes = Array.from({ length: GIB / (256 * KIB) }, (_, index) => ({
    offset: index * 256 * KIB,
    data: noise(new Random(index), 4 * KIB),
  }));
  return writeDynamic('1 GiB, 4 KiB in each 256 KiB', join(folder, 'sparse.vhd'), GIB, writes);
}

/** Data without a gap, so that every request but the last carries 4 MiB. */
export function dense(folder: string, name: string, bytes: number): Promise<Input> {
  const random = new Random(bytes);
  const writes = Array.from({ length: bytes / (4 * MIB) }, (_, index) => ({
    offset: index * 4 * MIB,
    data: noise(random, 4 * MIB),
  }));
  return writeDynamic(`1 GiB, ${bytes / MIB} MiB in one piece`, join(folder, name), GIB, writes);
}

/** One extent at a random place in each of `count` slots of equal size. */
function inSlots(size: number, count: number, length: number): Write[] {
  const random = new Random(count);
  const slot = Math.floor(size / count / MIB) * MIB;
  return Array.from({ length: count }, (_, index) => ({
    offset: index * slot + random.upTo(slot - length, 4 * KIB),
    data: noise(random, length),
  }));
}
