import { mkdir, open, truncate } from 'node:fs/promises';
import { dirname } from 'node:path';
import { writeImage, type ParentSpec, type Write } from '../../fixtures/vhd.js';

export const KIB = 1024;
export const MIB = 1024 ** 2;
export const GIB = 1024 ** 3;

/** A disk to push. */
export interface Input {
  /** For the table. */
  readonly name: string;
  /** The VHD: what `vhdup` gets. */
  readonly path: string;
  /** Virtual size in bytes. */
  readonly size: number;
  /** What the disk reads as, without a footer, in a sparse file: what the floor reads, and what blobs are compared with. */
  readonly flat: string;
  /** Outside of these it is zero. */
  readonly data: readonly Extent[];
}

/** A disk over others. */
export interface ChildInput extends Input {
  readonly parent: ParentSpec;
  /** What this layer changes, in bytes of the disk: in order, apart from each other. */
  readonly changed: readonly Extent[];
}

export type Extent = readonly [offset: number, length: number];

/** Writes a dynamic disk and its flat content. */
export async function writeDynamic(name: string, path: string, size: number, writes: readonly Write[]): Promise<Input> {
  await mkdir(dirname(path), { recursive: true });
  await writeImage({ path, type: 'dynamic', size, writes });
  const flat = `${path}.flat`;
  await (await open(flat, 'w')).close();
  await truncate(flat, size);
  await writeInto(flat, writes);
  return { name, path, size, flat, data: extentsOf(writes) };
}

/** Writes to a file that is there. */
export async function writeInto(path: string, writes: readonly Write[]): Promise<void> {
  const file = await open(path, 'r+');
  for (const { offset, data } of writes) await file.write(data, 0, data.length, offset);
  await file.close();
}

/** Where writes go, in order; those that overlap, or are no more than `gap` bytes apart, as one. */
export function extentsOf(writes: readonly Write[], gap = 0): Extent[] {
  return merged(
    writes.map(({ offset, data }) => [offset, data.length] as const),
    gap,
  );
}

/** The same of extents. */
export function merged(extents: readonly Extent[], gap: number): Extent[] {
  const all: [number, number][] = [];
  for (const [offset, length] of extents.toSorted(([a], [b]) => a - b)) {
    const last = all.at(-1);
    if (last && offset <= last[0] + last[1] + gap) last[1] = Math.max(last[1], offset + length - last[0]);
    else all.push([offset, length]);
  }
  return all;
}

export function totalOf(extents: readonly Extent[]): number {
  return extents.reduce((sum, [, length]) => sum + length, 0);
}
