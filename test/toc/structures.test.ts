import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import t from 'tap';
import { encodeChunkHead, parseChunkHead, unitsOffset } from '../../src/toc/chunk-object.js';
import { contentOf, encodeRoot, parseRoot, type PageRow, type Root } from '../../src/toc/root.js';
import { encodeSketches, pageChecksums, parseSketches, sketchValues } from '../../src/toc/sketch.js';
import {
  encodeTocHead,
  encodeTocPartHead,
  parseTocHead,
  parseTocPartHead,
  tocHeadLength,
} from '../../src/toc/toc-object.js';
import { scaled, seedOfRun } from '../support/scale.js';
import { idOf, objectId } from '../support/toc-entries.js';

const seed = seedOfRun();
t.comment(`seed ${seed}`);

const row: fc.Arbitrary<Omit<Extract<PageRow, { kind: 'here' | 'reference' }>, 'start'>> = fc
  .record({
    kind: fc.constantFrom('here' as const, 'reference' as const),
    length: fc.integer({ min: 1, max: 2 ** 40 }),
    toc: fc.nat(3),
    at: fc.nat(2 ** 32 - 1),
    size: fc.integer({ min: 1, max: 2 ** 26 }),
    sketchSize: fc.constant(0),
    shift: fc.integer({ min: -(2 ** 50), max: 2 ** 50 }),
    hash: fc.nat(100).map(idOf),
  })
  .map((page) => (page.kind === 'reference' ? { ...page, toc: Math.max(1, page.toc) } : { ...page, shift: 0 }));

const rows: fc.Arbitrary<PageRow[]> = fc
  .array(
    fc.oneof(row, fc.record({ kind: fc.constant('zero' as const), length: fc.integer({ min: 1, max: 2 ** 40 }) })),
    {
      maxLength: 30,
    },
  )
  .map((all) => {
    let start = 0;
    return all.map((page) => {
      const placed: PageRow = { ...page, start };
      start += page.length;
      return placed;
    });
  });

const bytesIn = (pages: readonly PageRow[]) => pages.reduce((sum, { length }) => sum + length, 0);

t.test('roots: what is written is read, and any flipped byte is another root or refused', (t) => {
  fc.assert(
    fc.property(rows, fc.nat(), fc.integer({ min: 1, max: 255 }), (pages, at, change) => {
      const root: Root = {
        bytes: bytesIn(pages),
        cutting: { by: 'fastcdc-1', pageBits: 7 },
        clearHash: idOf('clear'),
        pages,
      };
      const bytes = encodeRoot(root);
      if (!isDeepStrictEqual(parseRoot(bytes, 4), root)) throw new Error('another root');
      const place = at % bytes.length;
      const damaged = Buffer.from(bytes);
      damaged.writeUInt8(bytes.readUInt8(place) ^ change, place);
      try {
        if (isDeepStrictEqual(parseRoot(damaged, 4), root)) throw new Error('a change has no effect');
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
      }
      try {
        parseRoot(bytes.subarray(0, place), 4);
        throw new Error('a cut root was accepted');
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
      }
    }),
    { numRuns: scaled(300), seed },
  );
  t.pass('any root');
  t.end();
});

t.test('the content of a version does not depend on how its zeros are cut, nor on where its pages are', (t) => {
  const here = { kind: 'here', toc: 0, at: 0, size: 5, sketchSize: 0, shift: 0, hash: idOf(1) } as const;
  const one = contentOf(100, [
    { kind: 'zero', start: 0, length: 60 },
    { ...here, start: 60, length: 40 },
  ]);
  const other = contentOf(100, [
    { kind: 'zero', start: 0, length: 20 },
    { kind: 'zero', start: 20, length: 40 },
    { ...here, kind: 'reference', toc: 1, at: 7, size: 9, shift: 30, start: 60, length: 40 },
  ]);
  t.ok(one.equals(other));
  t.notOk(
    one.equals(
      contentOf(100, [
        { kind: 'zero', start: 0, length: 60 },
        { ...here, start: 60, length: 40, hash: idOf(2) },
      ]),
    ),
  );
  t.notOk(
    one.equals(
      contentOf(101, [
        { kind: 'zero', start: 0, length: 61 },
        { ...here, start: 61, length: 40 },
      ]),
    ),
  );
  t.end();
});

t.test('heads of TOC objects and of their parts', (t) => {
  const id = objectId('toc');
  const head = {
    id,
    version: objectId('version'),
    tocs: [id, objectId('older')],
    closure: [{ chunk: objectId('chunk'), used: 10, size: 4096 }],
  };
  const { bytes, clearHash } = encodeTocHead(head, 5);
  const whole = Buffer.concat([bytes, Buffer.from('root!'), Buffer.from('pages')]);
  t.equal(tocHeadLength(whole.subarray(0, 24)), bytes.length + 5);
  const parsed = parseTocHead(whole);
  t.match(parsed, { ...head, rootLength: 5, rootAt: bytes.length });
  t.ok(parsed.clearHash.equals(clearHash));
  for (const [problem, change] of [
    ['magic', (wrong: Buffer) => wrong.write('X', 0)],
    ['reserved', (wrong: Buffer) => wrong.writeUInt8(1, 20)],
    ['begin with', (wrong: Buffer) => wrong.writeUInt8(1, 56)],
    ['used', (wrong: Buffer) => wrong.writeUInt32LE(5000, bytes.length - 8)],
    ['left', (wrong: Buffer) => wrong.writeUInt32LE(2 ** 20, 12)],
  ] as const) {
    const wrong = Buffer.from(whole);
    change(wrong);
    t.throws(() => parseTocHead(wrong), new RegExp(problem), problem);
  }
  const huge = Buffer.from(whole);
  huge.writeUInt32LE(2 ** 32 - 1, 16);
  t.throws(() => tocHeadLength(huge), /head/);
  t.strictSame(parseTocPartHead(encodeTocPartHead(id, objectId('version'))), { id, version: objectId('version') });
  t.throws(() => parseTocPartHead(bytes), /magic/);
  t.end();
});

t.test('heads of chunks', (t) => {
  const head = { id: objectId(1), version: objectId(2), parent: objectId(3), entries: 4, unitsAt: unitsOffset(500) };
  t.equal(unitsOffset(500), 624);
  const table = Buffer.alloc(400, 7);
  const bytes = encodeChunkHead(head, table);
  t.equal(bytes.length, head.unitsAt);
  t.strictSame(parseChunkHead(bytes.subarray(0, 72)), { ...head, tableLength: 400 });
  t.equal(parseChunkHead(encodeChunkHead({ ...head, parent: undefined }, table)).parent, undefined);
  for (let at = 0; at < 72; at++) {
    const wrong = Buffer.from(bytes);
    wrong.writeUInt8(wrong.readUInt8(at) ^ 4, at);
    t.throws(() => parseChunkHead(wrong), { name: 'BadStructure' }, `byte ${at}`);
  }
  t.throws(() => encodeChunkHead({ ...head, unitsAt: 464 }, table), RangeError);
  t.end();
});

t.test('sketches: the smallest checksums of pages that are not zero, in order', (t) => {
  const block = Buffer.alloc(65_536);
  for (const page of [3, 7, 8, 12, 15]) block.fill(page, page * 4096, page * 4096 + 10);
  const sums = pageChecksums(block);
  t.equal(sums.length, 16);
  t.strictSame(
    sums.flatMap((sum, page) => (sum === 0 ? [] : [page])),
    [3, 7, 8, 12, 15],
  );
  const values = sketchValues(sums);
  t.equal(values.length, 4);
  t.strictSame(
    values,
    [...values].sort((a, b) => a.crc - b.crc),
  );
  for (const { crc, page } of values) t.equal(crc, sums[page]);
  const sketches = [
    { entry: 0, values },
    { entry: 5, values: values.slice(0, 1) },
    { entry: 6, values: [] },
  ];
  const bytes = encodeSketches(sketches);
  t.equal(bytes.length, 16 + 3 * 20);
  t.strictSame(parseSketches(bytes, 7), sketches);
  t.throws(() => parseSketches(bytes, 6), /entry/);
  t.throws(() => parseSketches(bytes.subarray(0, 40), 7), /are left/);
  const swapped = Buffer.from(bytes);
  swapped.writeUInt32LE(bytes.readUInt32LE(22), 18);
  swapped.writeUInt32LE(bytes.readUInt32LE(18), 22);
  t.throws(() => parseSketches(swapped, 7), /ascending/);
  t.strictSame(pageChecksums(Buffer.from('end')).length, 1, 'a shorter block counts as filled up with zeros');
  t.end();
});
