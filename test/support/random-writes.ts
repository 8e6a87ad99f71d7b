import type { Random } from './mutations.js';

export const SECTOR = 512;

/** A range of a disk, in bytes. */
export interface DiskRange {
  readonly offset: number;
  readonly length: number;
}

/** Returns a range inside the disk, of whole sectors, often at the borders of `unit` bytes. */
export function randomRange(random: Random, size: number, unit: number): DiskRange {
  const atBorder = random.chance(2);
  const offset = atBorder
    ? random.below(Math.ceil(size / unit)) * unit
    : random.below(Math.ceil(size / SECTOR)) * SECTOR;
  const near = random.chance(8) ? 0 : random.pick([0, 0, -SECTOR, SECTOR]);
  const start = Math.min(Math.max(0, offset + near), size - Math.min(size, SECTOR));
  const length = random.pick([
    SECTOR,
    (1 + random.below(8)) * SECTOR,
    (1 + random.below(400)) * SECTOR,
    (1 + random.below(3)) * unit,
  ]);
  return { offset: start, length: Math.min(length, size - start) };
}

/** Returns the smallest range of whole units, or units up to the disk's end, around a range. */
export function wholeUnits({ offset, length }: DiskRange, size: number, unit: number): DiskRange {
  const start = Math.floor(offset / unit) * unit;
  return { offset: start, length: Math.min(size, Math.ceil((offset + length) / unit) * unit) - start };
}

/** Returns bytes that may be zeros, one byte a sector, text or noise. */
export function randomData(random: Random, length: number): Buffer {
  const data = Buffer.alloc(length);
  const kind = random.below(6);
  if (kind === 0) return data;
  for (let at = 0; at < length; at += SECTOR) {
    const sector = data.subarray(at, at + SECTOR);
    if (kind <= 3) sector.fill(random.below(256));
    else if (kind === 4) sector.write(`sector ${at / SECTOR} of something ${random.below(10)} `.repeat(20));
    else for (let index = 0; index < sector.length; index++) sector[index] = random.below(256);
  }
  return data;
}
