import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { flatten, writeImage, type ImageSpec, type Write } from '../../fixtures/vhd.js';

/** Disks that are the same in every run: ids, times and content are fixed. */

export const KIB = 1024;
export const MIB = 1024 * KIB;

/** All ids of golden disks begin with this; any other id in an output is random. */
export const ID_PREFIX = '601d0000';

/** A disk in a file, and what it reads as. */
export interface GoldenDisk {
  readonly path: string;
  readonly id: string;
  /** Its files, top first. */
  readonly files: readonly string[];
  readonly size: number;
  /** Without the footer. */
  readonly content: Buffer;
}

/** Bytes that look random, always the same for one seed. */
export function bytesFor(seed: string, length: number): Buffer {
  return createHash('shake256', { outputLength: length }).update(seed).digest();
}

export function idOf(number: number): string {
  return `${ID_PREFIX}-0000-4000-8000-${String(number).padStart(12, '0')}`;
}

/** Random-looking data at an offset. */
export function data(offset: number, length: number): Write {
  return { offset, data: bytesFor(`${offset} ${length}`, length) };
}

/** Writes a disk without a parent. */
export async function single(spec: Omit<ImageSpec, 'id' | 'parent'>, number: number): Promise<GoldenDisk> {
  const { path, id } = await writeImage({ ...spec, id: idOf(number) });
  return { path, id, files: [path], size: spec.size, content: flatten([spec]) };
}

/** Writes a differencing disk of the same size over another disk. */
export async function over(
  parent: GoldenDisk,
  path: string,
  writes: readonly Write[],
  number: number,
): Promise<GoldenDisk> {
  const { size } = parent;
  const { id } = await writeImage({ path, type: 'differencing', size, parent, writes, id: idOf(number) });
  const content = Buffer.from(parent.content);
  for (const write of writes) content.set(write.data, write.offset);
  return { path, id, files: [path, ...parent.files], size, content };
}

/** Base <- middle <- child, and a fixed disk. */
export interface GoldenScene {
  readonly base: GoldenDisk;
  readonly middle: GoldenDisk;
  readonly child: GoldenDisk;
  readonly fixed: GoldenDisk;
}

const SIZE = 8 * MIB + 512;

/**
 * Writes the scene. What has to be sent lies in pieces of at most 256 KiB, at most 16 KiB or more than 122.5 KiB apart:
 * then the requests are the same on every link.
 */
export async function goldenScene(folder: string): Promise<GoldenScene> {
  const baseWrites = [data(0, 64 * KIB), data(2 * MIB, 256 * KIB), data(5 * MIB, 128 * KIB), data(SIZE - 512, 512)];
  const base = await single(
    { path: join(folder, 'base disk.vhd'), type: 'dynamic', size: SIZE, writes: baseWrites },
    1,
  );
  const zeros = { offset: 5 * MIB + 8 * KIB, data: Buffer.alloc(64 * KIB) };
  const middle = await over(base, join(folder, 'mïddle.vhd'), [data(512, 1024), data(3 * MIB, 100 * KIB), zeros], 2);
  const childWrites = [
    data(2 * MIB + 5 * 512, 512),
    data(6 * MIB, 4096),
    data(6 * MIB + 12 * KIB, 512),
    data(7 * MIB, 512),
  ];
  const child = await over(middle, join(folder, 'child.vhd'), childWrites, 3);
  const fixedWrites = [data(0, 4096), data(MIB, 512)];
  const fixed = await single({ path: join(folder, 'fixed.vhd'), type: 'fixed', size: 2 * MIB, writes: fixedWrites }, 4);
  return { base, middle, child, fixed };
}

/** Disks for pushes that are interrupted: ten pieces to send, each in a request of its own. */
export async function interruptedDisks(
  folder: string,
): Promise<{ readonly root: GoldenDisk; readonly leaf: GoldenDisk }> {
  const size = 12 * MIB;
  const pieces = (shift: number, length: number) =>
    Array.from({ length: 10 }, (_, at) => data(at * MIB + shift, length));
  const root = await single(
    { path: join(folder, 'root.vhd'), type: 'dynamic', size, writes: pieces(0, 192 * KIB) },
    11,
  );
  const leaf = await over(root, join(folder, 'leaf.vhd'), pieces(96 * KIB, 128 * KIB), 12);
  return { root, leaf };
}
