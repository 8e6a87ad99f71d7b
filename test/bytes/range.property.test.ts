import fc from 'fast-check';
import t from 'tap';
import {
  RangeMerger,
  endOf,
  intersect,
  pieceCount,
  rangeSet,
  splitAt,
  subtract,
  totalLength,
  union,
  type Range,
} from '../../src/bytes/range.js';
import { scaled, seedOfRun } from '../support/scale.js';

const PAGE = 512;
const PAGES = 80;
const seed = seedOfRun();
t.comment(`seed ${seed}`);
const options = { numRuns: scaled(1000), seed };

const ranges = fc.array(
  fc
    .tuple(fc.nat(PAGES - 1), fc.nat(14))
    .map(([page, length]) => ({ offset: page * PAGE, length: Math.min(length, PAGES - page) * PAGE })),
  { maxLength: 12 },
);

/** A list of ranges as one flag a page; the oracle does all else on these. */
function pagesOf(list: readonly Range[]): boolean[] {
  const pages = Array.from({ length: PAGES }, () => false);
  for (const { offset, length } of list) pages.fill(true, offset / PAGE, (offset + length) / PAGE);
  return pages;
}

/** Flags as the shortest ascending list of ranges: what every function here has to give. */
function rangesOf(pages: readonly boolean[]): Range[] {
  const list: Range[] = [];
  for (let page = 0; page < pages.length;) {
    const end = pages.indexOf(!pages[page], page) < 0 ? pages.length : pages.indexOf(!pages[page], page);
    if (pages[page]) list.push({ offset: page * PAGE, length: (end - page) * PAGE });
    page = end;
  }
  return list;
}

/** Sets the flags of every gap between two set pages that is not longer than `gap` pages. */
function withGapsFilled(pages: readonly boolean[], gap: number): boolean[] {
  return pages.map((isSet, page) => {
    const before = pages.lastIndexOf(true, page);
    const after = pages.indexOf(true, page);
    return isSet || (before >= 0 && after >= 0 && after - before - 1 <= gap);
  });
}

const same = (a: readonly Range[], b: readonly Range[]) => JSON.stringify(a) === JSON.stringify(b);

t.test('any ranges become the shortest list of the same pages, gaps up to the limit filled, longer ones kept', (t) => {
  fc.assert(
    fc.property(ranges, fc.nat(12), (list, gap) => {
      const given = JSON.stringify(list);
      return (
        same(rangeSet(list), rangesOf(pagesOf(list))) &&
        same(rangeSet(list, gap * PAGE), rangesOf(withGapsFilled(pagesOf(list), gap))) &&
        JSON.stringify(list) === given
      );
    }),
    options,
  );
  t.end();
});

t.test('ranges that come in order become the set that all of them become at once', (t) => {
  fc.assert(
    fc.property(ranges, fc.nat(12), (list, gap) => {
      const merger = new RangeMerger(gap * PAGE);
      // Cut into pages and put in order they touch, as extents do.
      const inOrder = rangeSet(list).flatMap((range) => [...splitAt([range], 3 * PAGE)]);
      for (const range of inOrder) merger.add(range);
      return same(merger.finish(), rangeSet(list, gap * PAGE)) && merger.added === totalLength(inOrder);
    }),
    options,
  );
  t.end();
});

t.test('difference, intersection and union are those of the pages', (t) => {
  fc.assert(
    fc.property(ranges, ranges, (a, b) => {
      const [setA, setB] = [rangeSet(a), rangeSet(b)];
      const [pagesA, pagesB] = [pagesOf(a), pagesOf(b)];
      return (
        same(subtract(setA, setB), rangesOf(pagesA.map((isSet, page) => isSet && pagesB[page] !== true))) &&
        same(intersect(setA, setB), rangesOf(pagesA.map((isSet, page) => isSet && pagesB[page] === true))) &&
        same(intersect(setA, setB), intersect(setB, setA)) &&
        same(union(setA, setB), rangesOf(pagesA.map((isSet, page) => isSet || pagesB[page] === true))) &&
        totalLength(setA) === pagesA.filter(Boolean).length * PAGE
      );
    }),
    options,
  );
  t.end();
});

t.test('ranges are cut at every multiple of the step, nowhere else, and nothing is lost', (t) => {
  fc.assert(
    fc.property(ranges, fc.integer({ min: 1, max: 20 }), (list, stepPages) => {
      const set = rangeSet(list);
      const step = stepPages * PAGE;
      const pieces = [...splitAt(set, step)];
      const cuts = pieces.filter(({ offset }) => !set.some((range) => range.offset === offset));
      return (
        same(rangesOf(pagesOf(pieces)), set) &&
        totalLength(pieces) === totalLength(set) &&
        pieces.length === pieceCount(set, step) &&
        pieces.every((piece, index) => index === 0 || piece.offset >= endOf(pieces[index - 1] ?? piece)) &&
        pieces.every(({ length }) => length > 0 && length <= step) &&
        cuts.every(({ offset }) => offset % step === 0) &&
        pieces.every((piece) => Math.floor(piece.offset / step) === Math.floor((endOf(piece) - 1) / step))
      );
    }),
    options,
  );
  t.end();
});

t.test('offsets beyond 2^32 are no trouble', (t) => {
  const far = { offset: 8 * 1024 ** 4 - 1024, length: 1024 };
  t.strictSame(subtract([{ offset: 0, length: endOf(far) }], [far]), [{ offset: 0, length: far.offset }]);
  t.strictSame(
    [...splitAt([{ offset: far.offset - 512, length: 1536 }], 4 * 1024 ** 2)],
    [{ offset: far.offset - 512, length: 1536 }],
  );
  t.end();
});
