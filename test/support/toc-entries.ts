import { createHash } from 'node:crypto';
import fc from 'fast-check';
import type { Part, TocEntry } from '../../src/toc/entry.js';

const LEAST = 1;
const BLOCK = 65_536;

/** An id of 32 bytes that is different for each name. */
export function idOf(name: string | number): Buffer {
  return createHash('sha256').update(`id ${name}`).digest();
}

/** The id of an object, in hexadecimal. */
export function objectId(name: string | number): string {
  return idOf(name).toString('hex', 0, 16);
}

const chunk = fc.nat(9).map((n) => objectId(`chunk ${n}`));
const place = fc
  .tuple(chunk, fc.integer({ min: 72, max: 2 ** 24 }), fc.integer({ min: 1, max: 65_577 }))
  .map(([chunk, at, size]) => ({ chunk, at, size }));
const shift = fc.integer({ min: -(2 ** 50), max: 2 ** 50 });
const length = fc.integer({ min: LEAST, max: BLOCK });
const id = fc.nat(1000).map(idOf);

const part: fc.Arbitrary<Part> = fc.oneof(
  fc.integer({ min: 1, max: 4096 }).map((length) => ({ kind: 'zeros' as const, length })),
  fc
    .tuple(fc.integer({ min: 1, max: 4096 }), place, fc.nat(60_000), fc.boolean())
    .map(([length, place, skip, isOwn]) => ({ kind: 'unit' as const, length, place, skip, isOwn })),
);

/** Entries without their starts. */
const entry = fc.oneof(
  fc.record({ kind: fc.constant('zero' as const), length: fc.integer({ min: 1, max: 2 ** 32 - BLOCK }) }),
  fc.record({
    kind: fc.constant('stored' as const),
    length,
    place,
    origin: fc.constantFrom('unknown' as const, 'self' as const),
    shift: fc.constant(0),
    id,
  }),
  fc
    .record({
      kind: fc.constant('reference' as const),
      length,
      place,
      origin: fc.constantFrom('unknown' as const, 'parent' as const, 'like' as const),
      shift,
      id,
    })
    .map((entry) => ({ ...entry, shift: entry.origin === 'parent' ? entry.shift : 0 })),
  fc.record({ parts: fc.array(part, { minLength: 1, maxLength: 16 }), id }).map(({ parts, id }) => ({
    kind: 'recipe' as const,
    length: parts.reduce((sum, { length }) => sum + length, 0),
    parts,
    id,
  })),
);

/** Entries one behind the other, from 0. */
export const entries: fc.Arbitrary<TocEntry[]> = fc.array(entry, { maxLength: 40 }).map((all) => {
  let start = 0;
  return all.map((entry) => {
    const placed: TocEntry = { ...entry, start };
    start += entry.length;
    return placed;
  });
});

/** Entries with gaps between them, as the table of a chunk has them. */
export const tableEntries: fc.Arbitrary<TocEntry[]> = fc
  .tuple(entries, fc.array(fc.nat(10_000), { minLength: 41, maxLength: 41 }), shift)
  .map(([all, gaps, shift]) => {
    let moved = 0;
    const placed = all.map((entry, index) => {
      moved += gaps[index] ?? 0;
      return { ...entry, start: entry.start + moved };
    });
    const last = placed.at(-1);
    const end = last ? last.start + last.length : 0;
    return [...placed, { kind: 'parent' as const, start: end, length: 5000, shift }];
  });

/** Where entries end. */
export function endOfEntries(all: readonly TocEntry[]): number {
  const last = all.at(-1);
  return last ? last.start + last.length : 0;
}
