import { createHash } from 'node:crypto';
import fc from 'fast-check';

const LEAF = 64 * 1024;
const SECTOR = 512;

/** One change of an image that was built again. Offsets and lengths are sectors; those beyond the end are cut. */
export type Edit =
  | { readonly kind: 'write' | 'zero'; readonly at: number; readonly length: number; readonly seed: number }
  /** Moves what follows by some sectors, as a file that grew does. */
  | { readonly kind: 'insert'; readonly at: number; readonly length: number; readonly seed: number }
  /** Copies a part to another place. */
  | { readonly kind: 'copy'; readonly at: number; readonly length: number; readonly to: number }
  /** Cuts the image, or adds zeros. */
  | { readonly kind: 'resize'; readonly to: number };

const sectors = fc.oneof(
  fc.nat(4096),
  fc.nat(32).map((leaf) => leaf * (LEAF / SECTOR)),
);
const lengths = fc.oneof(fc.integer({ min: 1, max: 8 }), fc.constantFrom(128, 256, 640));

export const edits: fc.Arbitrary<readonly Edit[]> = fc.array(
  fc.oneof(
    fc.record({
      kind: fc.constantFrom('write' as const, 'zero' as const, 'insert' as const),
      at: sectors,
      length: lengths,
      seed: fc.nat(),
    }),
    fc.record({ kind: fc.constant('copy' as const), at: sectors, length: lengths, to: sectors }),
    fc.record({ kind: fc.constant('resize' as const), to: fc.integer({ min: 1, max: 5000 }) }),
  ),
  { maxLength: 6 },
);

/** A part of an image. `length`: sectors. */
export interface Part {
  readonly kind: 'noise' | 'byte' | 'hole';
  readonly length: number;
  readonly seed: number;
}

/** An image of up to 2 MiB. */
export const parts: fc.Arbitrary<readonly Part[]> = fc.array(
  fc.record({
    kind: fc.constantFrom('noise' as const, 'byte' as const, 'hole' as const),
    length: fc.integer({ min: 1, max: 700 }),
    seed: fc.nat(),
  }),
  { minLength: 1, maxLength: 6 },
);

/** Returns the content of an image. */
export function imageOf(all: readonly Part[]): Buffer {
  return Buffer.concat(
    all.map(({ kind, length, seed }) =>
      kind === 'noise' ? noise(seed, length) : Buffer.alloc(length * SECTOR, kind === 'byte' ? 1 + (seed % 255) : 0),
    ),
  );
}

/** Returns an image after some changes. */
export function applyEdits(first: Buffer, changes: readonly Edit[]): Buffer {
  return changes.reduce<Buffer>((before, edit) => {
    if (edit.kind === 'resize') {
      const resized = Buffer.alloc(edit.to * SECTOR);
      before.copy(resized);
      return resized;
    }
    const at = Math.min(edit.at * SECTOR, before.length);
    if (edit.kind === 'insert')
      return Buffer.concat([before.subarray(0, at), noise(edit.seed, edit.length), before.subarray(at)]);
    const after = Buffer.from(before);
    if (edit.kind === 'copy')
      before.copy(after, Math.min(edit.to * SECTOR, after.length), at, at + edit.length * SECTOR);
    else if (edit.kind === 'zero') after.fill(0, at, Math.min(after.length, at + edit.length * SECTOR));
    else noise(edit.seed, edit.length).copy(after, at);
    return after;
  }, first);
}

/** Returns the offsets of the leaves of `second` that `first` does not have at the same place. Beyond its end it has zeros. */
export function changedLeaves(first: Buffer, second: Buffer): number[] {
  const offsets: number[] = [];
  for (let offset = 0; offset < second.length; offset += LEAF)
    if (!leafAt(first, offset).equals(leafAt(second, offset))) offsets.push(offset);
  return offsets;
}

/** Returns how many bytes of these leaves are in sectors that are not zero. */
export function nonZeroBytes(content: Buffer, leaves: readonly number[]): number {
  let bytes = 0;
  for (const leaf of leaves)
    for (let offset = leaf; offset < Math.min(leaf + LEAF, content.length); offset += SECTOR)
      if (content.subarray(offset, offset + SECTOR).some((byte) => byte !== 0)) bytes += SECTOR;
  return bytes;
}

function leafAt(content: Buffer, offset: number): Buffer {
  const leaf = Buffer.alloc(LEAF);
  content.subarray(offset, offset + LEAF).copy(leaf);
  return leaf;
}

function noise(seed: number, sectorCount: number): Buffer {
  const pieces: Buffer[] = [];
  for (let at = 0; at * 32 < sectorCount * SECTOR; at++)
    pieces.push(createHash('sha256').update(`${seed} ${at}`).digest());
  return Buffer.concat(pieces).subarray(0, sectorCount * SECTOR);
}
