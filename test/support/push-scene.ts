import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { flatten, writeImage, type Write } from '../../fixtures/vhd.js';

/** A small chain on disk, its oracle, and where it goes. */
export interface Scene {
  readonly base: string;
  readonly middle: string;
  readonly child: string;
  /** What the child reads as, without the footer. */
  readonly content: Buffer;
  readonly baseContent: Buffer;
  readonly ids: { readonly base: string; readonly middle: string; readonly child: string };
}

const MIB = 1024 * 1024;

/**
 * Base ← middle ← child, where the child has one sector of a block that only the base has, the middle has changes of its
 * own, and some of the base's data became zero. Sizes are no multiple of the block size.
 */
export async function threeLevels(
  folder: string,
  {
    baseType = 'dynamic',
    size = 9 * MIB + 512,
    childSize = size,
  }: { baseType?: 'fixed' | 'dynamic'; size?: number; childSize?: number } = {},
): Promise<Scene> {
  const baseWrites: Write[] = [
    { offset: 0, data: randomBytes(64 * 1024) },
    { offset: 2 * MIB, data: randomBytes(2 * MIB) },
    { offset: 7 * MIB, data: randomBytes(MIB) },
    { offset: size - 512, data: randomBytes(512) },
  ];
  const middleWrites: Write[] = [
    { offset: 512, data: randomBytes(1024) },
    { offset: 5 * MIB, data: randomBytes(300 * 1024) },
    { offset: 7 * MIB + 8192, data: Buffer.alloc(256 * 1024) },
  ];
  const childWrites: Write[] = [
    { offset: 2 * MIB + 5 * 512, data: randomBytes(512) },
    { offset: 6 * MIB, data: randomBytes(4096) },
    { offset: 6 * MIB + 400 * 1024, data: randomBytes(512) },
    ...(childSize > size ? [{ offset: childSize - 512, data: randomBytes(512) }] : []),
  ];
  const base = await writeImage({ path: join(folder, 'base disk.vhd'), type: baseType, size, writes: baseWrites });
  const middle = await writeImage({
    path: join(folder, 'mïddle.vhd'),
    type: 'differencing',
    size,
    parent: base,
    writes: middleWrites,
  });
  const child = await writeImage({
    path: join(folder, 'child.vhd'),
    type: 'differencing',
    size: childSize,
    parent: middle,
    writes: childWrites,
  });
  const layers = [
    { size, writes: baseWrites },
    { size, writes: middleWrites },
    { size: childSize, writes: childWrites },
  ];
  return {
    base: base.path,
    middle: middle.path,
    child: child.path,
    content: flatten(layers),
    baseContent: flatten(layers.slice(0, 1)),
    ids: { base: base.id, middle: middle.id, child: child.id },
  };
}
