import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import t from 'tap';
import { encodePage, encodeTable, hashOfEntries, parsePage, parseTable } from '../../src/toc/page.js';
import type { TocEntry } from '../../src/toc/entry.js';
import { scaled, seedOfRun } from '../support/scale.js';
import { endOfEntries, entries, idOf, objectId, tableEntries } from '../support/toc-entries.js';

const seed = seedOfRun();
t.comment(`seed ${seed}`);

t.test('what is written is read: pages and tables', (t) => {
  fc.assert(
    fc.property(entries, tableEntries, (all, table) => {
      const page = { covered: endOfEntries(all), entries: all };
      const read = parsePage(encodePage(page));
      if (!isDeepStrictEqual(read, page)) throw new Error('another page');
      const end = { covered: endOfEntries(table) + 7, entries: table };
      if (!isDeepStrictEqual(parseTable(encodeTable(end)), end)) throw new Error('another table');
    }),
    { numRuns: scaled(300), seed },
  );
  t.pass('any entries');
  t.end();
});

t.test('no byte can be changed, and no end be cut off, so that other bytes are read without an error', (t) => {
  fc.assert(
    fc.property(entries, fc.nat(), fc.integer({ min: 1, max: 255 }), (all, at, change) => {
      const page = { covered: endOfEntries(all), entries: all };
      const bytes = encodePage(page);
      const damaged = Buffer.from(bytes);
      const place = at % bytes.length;
      damaged.writeUInt8(bytes.readUInt8(place) ^ change, place);
      for (const wrong of [damaged, bytes.subarray(0, place), Buffer.concat([bytes, Buffer.alloc(1)])]) {
        try {
          const read = parsePage(wrong);
          // What the page says of its content is checked by its hash; the rest by the id of each block.
          if (wrong !== damaged) throw new Error('a cut or longer page was accepted');
          const end = endOfEntries(read.entries);
          if (end !== read.covered) throw new Error('it does not cover itself');
        } catch (error) {
          if (!(error instanceof RangeError)) throw error;
        }
      }
    }),
    { numRuns: scaled(500), seed },
  );
  t.pass('any change');
  t.end();
});

t.test('the bytes of a page and of its hash are as they have always been', (t) => {
  const place = { chunk: objectId('c'), at: 1024, size: 300 };
  const all: TocEntry[] = [
    { kind: 'zero', start: 0, length: 131_072 },
    { kind: 'stored', start: 131_072, length: 65_536, place, origin: 'self', shift: 0, id: idOf(1) },
    { kind: 'reference', start: 196_608, length: 65_536, place, origin: 'parent', shift: -4096, id: idOf(2) },
    {
      kind: 'recipe',
      start: 262_144,
      length: 6000,
      parts: [
        { kind: 'unit', length: 5000, place, skip: 7, isOwn: true },
        { kind: 'zeros', length: 1000 },
      ],
      id: idOf(3),
    },
  ];
  const bytes = encodePage({ covered: 268_144, entries: all });
  t.equal(bytes.length, 32 + 16 + 4 * 64 + 2 * 24);
  t.equal(bytes.toString('latin1', 0, 8), 'VHDUPPG1');
  t.equal(bytes.toString('hex', 8, 24), '04000000020000000100000000000000');
  t.equal(bytes.readBigUInt64LE(24), 268_144n);
  t.equal(bytes.toString('hex', 32, 48), objectId('c'));
  t.equal(
    bytes.toString('hex', 48 + 64, 48 + 128),
    `${'00000200'}00000000${'00000100'}01020000${'00040000'}${'2c010000'}${'00'.repeat(8)}${idOf(1).toString('hex')}`,
  );
  t.equal(
    bytes.toString('hex', 48 + 128, 48 + 192),
    `${'00000300'}00000000${'00000100'}02010000${'00040000'}${'2c010000'}00f0ffffffffffff${idOf(2).toString('hex')}`,
  );
  t.equal(
    bytes.toString('hex', 48 + 192, 48 + 256),
    `${'00000400'}00000000${'70170000'}03020000${'00000000'}${'00000000'}${'00'.repeat(8)}${idOf(3).toString('hex')}`,
  );
  t.equal(bytes.toString('hex', 304, 328), `88130000${'0000'}${'0200'}00040000${'2c010000'}0700000000000000`);
  t.equal(bytes.toString('hex', 328), `e8030000${'0000'}${'0100'}${'00'.repeat(16)}`);
  t.equal(hashOfEntries(all).length, 32);
  t.end();
});

t.test('pages that no writer makes are refused', (t) => {
  const zero = (start: number, length: number): TocEntry => ({ kind: 'zero', start, length });
  const refused = (covered: number, all: readonly TocEntry[], reason: RegExp) =>
    t.throws(() => parsePage(encodePage({ covered, entries: all })), { name: 'BadStructure', message: reason });
  refused(10, [zero(0, 4)], /covered/);
  refused(10, [zero(1, 9)], /starts at 1/);
  refused(10, [zero(0, 5), zero(6, 4)], /starts at 6/);
  refused(10, [zero(0, 6), zero(5, 5)], /starts at 5/);
  refused(10, [{ kind: 'parent', start: 0, length: 10, shift: 0 }], /run of the parent/);
  t.throws(() => parseTable(encodeTable({ covered: 20, entries: [zero(5, 5), zero(9, 5)] })), /starts at 9/);
  t.throws(() => parseTable(encodeTable({ covered: 9, entries: [zero(5, 5)] })), /covered/);
  const bytes = encodePage({ covered: 5, entries: [zero(0, 5)] });
  const huge = Buffer.from(bytes);
  huge.writeUInt32LE(2 ** 32 - 1, 8);
  t.throws(() => parsePage(huge), /entries.*are left/, 'a count is checked before anything is made');
  const reserved = Buffer.from(bytes);
  reserved.writeUInt32LE(1, 20);
  t.throws(() => parsePage(reserved), /reserved/);
  t.end();
});
