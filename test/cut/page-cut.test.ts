import t from 'tap';
import { PageCutter, pageBitsOfDisk, pageBitsOfIncremental, pageBitsOfStream } from '../../src/cut/page-cut.js';
import { idOf } from '../support/toc-entries.js';

const KIB = 1024;
const GIB = KIB ** 3;

function pagesOf(ids: readonly (Uint8Array | undefined)[], bits: number): number[] {
  const cutter = new PageCutter(bits);
  const pages: number[] = [];
  let count = 0;
  for (const id of ids) {
    count++;
    if (!(id ? cutter.add(id) : cutter.addZeros(KIB) === 'ends')) continue;
    pages.push(count);
    count = 0;
  }
  return count === 0 ? pages : [...pages, count];
}

t.test('pages of a stream end by its ids, within the bounds', (t) => {
  const ids = Array.from({ length: 20_000 }, (_, index) => idOf(index));
  const pages = pagesOf(ids, 6);
  t.ok(pages.slice(0, -1).every((count) => count >= 16 && count <= 512));
  const average = ids.length / pages.length;
  t.ok(average > 40 && average < 120, `${average} on average`);

  const edited = [...ids.slice(0, 5000), idOf('new'), ...ids.slice(5000)];
  const ends = (all: readonly number[]) => {
    let at = 0;
    return all.map((count) => (at += count));
  };
  const before = new Set(
    ends(pages)
      .filter((end) => end > 5000)
      .map((end) => end + 1),
  );
  const after = ends(pagesOf(edited, 6)).filter((end) => end > 5001);
  t.ok(after.filter((end) => !before.has(end)).length <= 3, 'after an insertion they soon end at the same pieces');

  t.strictSame(
    pagesOf(
      Array.from({ length: 1200 }, () => undefined),
      6,
    ),
    [512, 512, 176],
    'zeros end no page',
  );
  const last = Buffer.alloc(32);
  t.strictSame(
    pagesOf(
      Array.from({ length: 40 }, () => last),
      6,
    ),
    [16, 16, 8],
  );
  t.end();
});

t.test('sizes of pages', (t) => {
  t.strictSame([1, 256 * GIB, 256 * GIB + 1, 4096 * GIB, 4096 * GIB + 1].map(pageBitsOfDisk), [7, 7, 10, 10, 12]);
  t.strictSame(
    [0, 4 * GIB, 4 * GIB + 1, 64 * GIB + 1, 1024 * GIB, 1024 * GIB + 1, undefined].map(pageBitsOfStream),
    [6, 6, 7, 9, 9, 12, 9],
  );
  t.equal(pageBitsOfIncremental(6, 2 ** 18 - 1), 6, 'the next version keeps the pages of its parent');
  t.strictSame(
    [6, 7, 9, 12].map((bits) => pageBitsOfIncremental(bits, 2 ** 18)),
    [7, 9, 12, 12],
    'until there are too many',
  );
  t.end();
});

t.test('a run of zeros of 1 MiB is a page of its own, and the next page begins behind it', (t) => {
  const last = Buffer.alloc(32);
  const cutter = new PageCutter(6);
  t.equal(cutter.addZeros(1024 * KIB - 1), 'continues');
  for (let entry = 0; entry < 10; entry++) t.notOk(cutter.add(last));
  t.equal(cutter.addZeros(1024 * KIB), 'own');
  t.strictSame(
    Array.from({ length: 16 }, () => cutter.add(last)),
    [...Array.from({ length: 15 }, () => false), true],
    'the entries before it do not count',
  );
  t.end();
});
