import { join } from 'node:path';
import fc from 'fast-check';
import { flatten, writeImage, type Write } from '../../fixtures/vhd.js';

export interface LayerSpec {
  readonly type: 'fixed' | 'dynamic' | 'differencing';
  readonly size: number;
  readonly blockSize: number;
  readonly writes: readonly Write[];
}

/** A chain on disk, root first. */
export interface WrittenLayer extends LayerSpec {
  readonly path: string;
  readonly id: string;
  /** What the layer reads as: the oracle. */
  readonly content: Buffer;
}

const MAX_SECTORS = 3000;

const writes = (sectors: number): fc.Arbitrary<Write[]> =>
  fc
    .array(
      fc.record({
        at: fc.nat(sectors - 1),
        length: fc.oneof(
          { weight: 4, arbitrary: fc.integer({ min: 1, max: 3 }) },
          { weight: 1, arbitrary: fc.integer({ min: 1, max: 300 }) },
        ),
        fill: fc.nat(255),
      }),
      { maxLength: 12 },
    )
    .map((items) =>
      items.map(({ at, length, fill }) => ({
        offset: at * 512,
        data: pattern(Math.min(length, sectors - at) * 512, fill),
      })),
    );

/** Zeros for 0, else bytes that tell their place. */
function pattern(length: number, fill: number): Uint8Array {
  return fill === 0
    ? new Uint8Array(length)
    : Uint8Array.from({ length }, (_, index) => (index * 7 + (index >> 9) + fill) & 0xff);
}

/** Random chains of depth 1 to 6, root first: odd sizes, several block sizes, layers larger and smaller than their parents. */
export const chains: fc.Arbitrary<LayerSpec[]> = fc
  .record({
    depth: fc.integer({ min: 1, max: 6 }),
    root: fc.constantFrom('fixed' as const, 'dynamic' as const),
    sectors: fc.integer({ min: 1, max: MAX_SECTORS }),
  })
  .chain(({ depth, root, sectors }) =>
    fc.tuple(
      ...Array.from({ length: depth }, (_, index) =>
        fc
          .oneof(
            { weight: 4, arbitrary: fc.constant(sectors) },
            { weight: 1, arbitrary: fc.integer({ min: 1, max: MAX_SECTORS }) },
          )
          .chain((own) =>
            fc.record({
              type: fc.constant(index === 0 ? root : ('differencing' as const)),
              size: fc.constant(own * 512),
              blockSize: fc.constantFrom(4096, 16384, 524288, 2097152),
              writes: writes(own),
            }),
          ),
      ),
    ),
  );

/** Writes a chain into a folder; names have spaces and Unicode. */
export async function writeChain(folder: string, specs: readonly LayerSpec[]): Promise<WrittenLayer[]> {
  const layers: WrittenLayer[] = [];
  for (const [index, spec] of specs.entries()) {
    const path = join(folder, index % 2 === 0 ? `layer ${index}.vhd` : `schicht-${index}-ü.vhd`);
    const parent = layers.at(-1);
    const { id } = await writeImage({ ...spec, path, ...(parent ? { parent } : {}) });
    layers.push({ ...spec, path, id, content: flatten(specs.slice(0, index + 1)) });
  }
  return layers;
}
