import fc from 'fast-check';
import t from 'tap';
import { makePushPlan, type PlannedExtent, type PlanSource } from '../../src/index.js';
import { nonZeroRanges } from '../../src/bytes/non-zero.js';
import { intersect, rangeSet, splitAt, subtract, totalLength, type Range } from '../../src/bytes/range.js';

const PAGES = 64;
const seed = Date.now();
t.comment(`seed ${seed}`);
const options = { numRuns: 500, seed };

const ranges = fc.array(
  fc
    .tuple(fc.nat(PAGES - 1), fc.integer({ min: 0, max: 12 }))
    .map(([page, length]) => ({ offset: page * 512, length: Math.min(length, PAGES - page) * 512 })),
  { maxLength: 10 },
);

/** The oracle: a range set as the set of its pages. */
function pagesOf(set: readonly Range[]): Set<number> {
  const pages = new Set<number>();
  for (const { offset, length } of set)
    for (let page = offset / 512; page < (offset + length) / 512; page++) pages.add(page);
  return pages;
}

function same(a: Set<number>, b: Set<number>): boolean {
  return a.size === b.size && [...a].every((page) => b.has(page));
}

function isProper(set: readonly Range[]): boolean {
  return set.every(
    ({ offset, length }, index) =>
      length > 0 && (index === 0 || offset > (set[index - 1]?.offset ?? 0) + (set[index - 1]?.length ?? 0)),
  );
}

t.test('range sets do as sets of pages do', (t) => {
  fc.assert(
    fc.property(ranges, ranges, fc.integer({ min: 1, max: 9 }), (a, b, step) => {
      const [setA, setB] = [rangeSet(a), rangeSet(b)];
      const [pagesA, pagesB] = [pagesOf(a), pagesOf(b)];
      return (
        isProper(setA) &&
        same(pagesOf(setA), pagesA) &&
        same(pagesOf(subtract(setA, setB)), new Set([...pagesA].filter((page) => !pagesB.has(page)))) &&
        same(pagesOf(intersect(setA, setB)), new Set([...pagesA].filter((page) => pagesB.has(page)))) &&
        [...splitAt(setA, step * 512)].every(
          ({ offset, length }) =>
            Math.floor(offset / (step * 512)) === Math.floor((offset + length - 1) / (step * 512)),
        ) &&
        same(pagesOf([...splitAt(setA, step * 512)]), pagesA)
      );
    }),
    options,
  );
  t.end();
});

/** Returns extents of these kinds and lengths in pages, one behind the other. */
function inARow(items: readonly (readonly [kind: PlannedExtent['kind'], pages: number])[]): PlannedExtent[] {
  let offset = 0;
  return items.map(([kind, pages]) => {
    const extent = { offset, length: pages * 512, kind };
    offset += extent.length;
    return extent;
  });
}

const extents = (withAbsent: boolean): fc.Arbitrary<PlannedExtent[]> =>
  fc
    .array(
      fc.tuple(
        fc.constantFrom<PlannedExtent['kind']>('data', 'zero', ...(withAbsent ? ['absent' as const] : [])),
        fc.integer({ min: 1, max: 9 }),
      ),
      { minLength: 1, maxLength: 14 },
    )
    .map(inARow);

const gaps = fc.integer({ min: 0, max: 13 }).map((pages) => pages * 512);
const sizeOf = (list: readonly PlannedExtent[]) => list.reduce((sum, { length }) => sum + length, 0);
const kindOf = (list: readonly PlannedExtent[], kind: string) => pagesOf(list.filter((extent) => extent.kind === kind));

t.test('over a base: all that differs is cleared, what is data is written, and nothing else changes', (t) => {
  fc.assert(
    fc.property(extents(true), gaps, fc.integer({ min: 2, max: 160 }), (list, gap, basePages) => {
      const size = sizeOf(list);
      const plan = makePushPlan({ size, extents: list, base: { blobSize: basePages * 512 }, gap });
      const [write, clear] = [pagesOf(plan.write), pagesOf(plan.clear)];
      const [data, zero] = [kindOf(list, 'data'), kindOf(list, 'zero')];
      const footerPage = basePages - 1;
      const allowed = new Set([...write, ...zero, footerPage]);
      return (
        isProper(plan.write) &&
        isProper(plan.clear) &&
        [...data].every((page) => write.has(page)) &&
        [...write, ...zero].every((page) => clear.has(page)) &&
        (footerPage * 512 >= size || clear.has(footerPage)) &&
        [...clear].every((page) => allowed.has(page) && page * 512 < size) &&
        plan.write.every(
          (range, index) =>
            index === 0 ||
            range.offset - ((plan.write[index - 1]?.offset ?? 0) + (plan.write[index - 1]?.length ?? 0)) > plan.gap,
        ) &&
        plan.gap === gap &&
        plan.maxGap === gap &&
        plan.totals.send === totalLength(plan.write) + 512 &&
        plan.totals.gaps === (write.size - data.size) * 512 &&
        plan.totals.skip === size - new Set([...write, ...clear]).size * 512 &&
        JSON.stringify(plan) ===
          JSON.stringify(makePushPlan({ size, extents: list, base: { blobSize: basePages * 512 }, gap }))
      );
    }),
    options,
  );
  t.end();
});

/** The plan as a formula on sets: what interrupted pushes were made with, so it must not change. */
function planByFormula({ size, extents: all, base, gap: fixed }: PlanSource) {
  const kinds = (kind: PlannedExtent['kind']) =>
    [...all].filter((extent) => extent.kind === kind).map(({ offset, length }) => ({ offset, length }));
  const gap = fixed ?? 16 * 1024;
  const maxGap = fixed ?? (base?.isContentChecked === false ? gap : 125_440);
  const data = rangeSet(kinds('data'));
  const write = rangeSet(data, gap);
  const sent = rangeSet(data, maxGap);
  const disk = [{ offset: 0, length: size }];
  const clear = base
    ? intersect(rangeSet([...write, ...kinds('zero'), { offset: base.blobSize - 512, length: 512 }]), disk)
    : [];
  return {
    size: size + 512,
    copied: base?.blobSize ?? 0,
    clear,
    write,
    footer: { offset: size, length: 512 },
    gap,
    maxGap,
    totals: {
      send: totalLength(sent) + 512,
      gaps: totalLength(sent) - totalLength(data),
      clear: totalLength(clear),
      skip: totalLength(subtract(subtract(disk, write), clear)),
      requests: [...splitAt(write, 4 * 1024 * 1024)].length + clear.length + 1,
    },
  };
}

/** Extents from sectors to many MiB, so that gaps of both kinds and cuts at 4 MiB are met; neighbours may be of one kind. */
const largeExtents = fc
  .array(
    fc.tuple(
      fc.constantFrom<PlannedExtent['kind']>('data', 'zero', 'absent'),
      fc.oneof(
        fc.integer({ min: 1, max: 9 }),
        fc.constantFrom(31, 32, 33, 244, 245, 246, 8192),
        fc.integer({ min: 1, max: 40_000 }),
      ),
    ),
    { minLength: 1, maxLength: 40 },
  )
  .map(inARow);

t.test('extents one by one make the plan that the formula makes of all of them', (t) => {
  fc.assert(
    fc.property(
      fc.oneof(extents(true), largeExtents),
      fc.option(fc.double({ min: 0, max: 2, noNaN: true }), { nil: undefined }),
      fc.option(gaps, { nil: undefined }),
      fc.boolean(),
      (list, share, gap, isContentChecked) => {
        const size = sizeOf(list);
        const source = {
          size,
          extents: list,
          base:
            share === undefined
              ? undefined
              : { blobSize: (1 + Math.floor((share * size) / 512)) * 512, isContentChecked },
          gap,
        };
        return JSON.stringify(makePushPlan(source)) === JSON.stringify(planByFormula(source));
      },
    ),
    { numRuns: 2000, seed },
  );
  t.end();
});

t.test('extents out of order are refused: the plan would be wrong', (t) => {
  const at = (offset: number): PlannedExtent => ({ offset, length: 1024, kind: 'data' });
  for (const list of [
    [at(1024), at(0)],
    [at(0), at(512)],
  ])
    t.throws(() => makePushPlan({ size: 4096, extents: list }), RangeError);
  t.end();
});

t.test('without a base nothing is cleared', (t) => {
  fc.assert(
    fc.property(extents(false), gaps, (list, gap) => {
      const plan = makePushPlan({ size: sizeOf(list), extents: list, gap });
      return (
        plan.clear.length === 0 &&
        plan.copied === 0 &&
        [...kindOf(list, 'data')].every((page) => pagesOf(plan.write).has(page)) &&
        plan.gap === gap
      );
    }),
    options,
  );
  t.end();
});

t.test(
  'a gap is part of the plan up to 16 KiB, and may be sent up to 122.5 KiB; a limit that is named holds for both',
  (t) => {
    const at = (offset: number): PlannedExtent => ({ offset, length: 512, kind: 'data' });
    const plan = (distance: number, target: Partial<PlanSource>) =>
      makePushPlan({ size: 2 ** 20, extents: [at(0), at(512 + distance)], ...target });
    for (const base of [undefined, { blobSize: 1024 }]) {
      t.equal(plan(16_384, { base }).write.length, 1);
      t.equal(plan(16_384 + 512, { base }).write.length, 2);
      t.equal(plan(125_440, { base }).totals.send, 3 * 512 + 125_440);
      t.equal(plan(125_440 + 512, { base }).totals.send, 3 * 512);
      t.equal(plan(250_880, { base, gap: 250_880 }).write.length, 1);
      t.equal(plan(512, { base, gap: 0 }).totals.send, 3 * 512);
    }
    t.equal(
      plan(125_440, { base: { blobSize: 1024, isContentChecked: false } }).totals.send,
      3 * 512,
      'the copy may have other bytes',
    );
    t.end();
  },
);

t.test('zeros are found to the page, and short ones are sent along', (t) => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { minLength: 1, maxLength: 400 }), fc.nat(5), (pages, gapPages) => {
      const buffer = Buffer.concat(pages.map((isData, index) => Buffer.alloc(512, isData ? (index % 255) + 1 : 0)));
      const data = rangeSet(
        pages.flatMap((isData, index) => (isData ? [{ offset: index * 512, length: 512 }] : [])),
        gapPages * 512,
      );
      return JSON.stringify(nonZeroRanges(buffer, gapPages * 512)) === JSON.stringify(data);
    }),
    options,
  );
  const last = Buffer.alloc(1024);
  last[1023] = 1;
  t.strictSame(nonZeroRanges(last, 0), [{ offset: 512, length: 512 }]);
  t.end();
});
