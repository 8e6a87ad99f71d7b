import fc from 'fast-check';
import t from 'tap';
import { nonZeroRanges } from '../../src/bytes/non-zero.js';
import type { Range } from '../../src/bytes/range.js';

const PAGE = 512;
const seed = Date.now();
t.comment(`seed ${seed}`);

/** The oracle: page by page, without strides. */
function expected(bytes: Uint8Array, gap: number): Range[] {
  const found: { offset: number; length: number }[] = [];
  for (let offset = 0; offset < bytes.length; offset += PAGE) {
    const page = bytes.subarray(offset, offset + PAGE);
    if (!page.some((byte) => byte !== 0)) continue;
    const last = found.at(-1);
    if (last && offset - last.offset - last.length <= gap) last.length = offset + page.length - last.offset;
    else found.push({ offset, length: page.length });
  }
  return found;
}

/** Buffers of up to 200 KiB, mostly zeros, with lone bytes anywhere in a page and runs across the strides of 64 KiB. */
const buffers = fc
  .record({
    pages: fc.integer({ min: 0, max: 400 }),
    skew: fc.nat(7),
    marks: fc.array(
      fc.record({
        at: fc.double({ min: 0, max: 0.999999, noNaN: true }),
        length: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 70_000 })),
        byte: fc.integer({ min: 1, max: 255 }),
      }),
      { maxLength: 8 },
    ),
  })
  .map(({ pages, skew, marks }) => {
    // What lies around the view is not zero, and must not count.
    const bytes = new Uint8Array(pages * PAGE + 16)
      .fill(0xff)
      .subarray(skew, skew + pages * PAGE)
      .fill(0);
    for (const { at, length, byte } of marks)
      bytes.fill(byte, Math.floor(at * bytes.length), Math.floor(at * bytes.length) + length);
    return bytes;
  });

t.test('exactly the pages with a byte other than zero are sent, and the gaps not longer than the limit', (t) => {
  fc.assert(
    fc.property(
      buffers,
      fc.oneof(fc.nat(6), fc.constantFrom(127, 128, 129, 245, 491)).map((pages) => pages * PAGE),
      (bytes, gap) => {
        const before = Buffer.from(bytes);
        return (
          JSON.stringify(nonZeroRanges(bytes, gap)) === JSON.stringify(expected(bytes, gap)) && before.equals(bytes)
        );
      },
    ),
    { numRuns: 400, seed },
  );
  t.end();
});

t.test('the first and the last byte of a page and of a stride count', (t) => {
  for (const at of [0, 511, 512, 65_535, 65_536, 131_071, 131_072, 131_072 + 1023]) {
    const bytes = new Uint8Array(131_072 + 1024);
    bytes[at] = 1;
    t.strictSame(nonZeroRanges(bytes, 0), [{ offset: at - (at % PAGE), length: PAGE }], `byte ${at}`);
  }
  t.strictSame(nonZeroRanges(new Uint8Array(131_072), 0), [], 'zeros are not sent');
  t.strictSame(nonZeroRanges(new Uint8Array(0), 0), []);
  t.end();
});
