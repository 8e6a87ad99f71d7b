import { createHash } from 'node:crypto';
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
      const end = { covered: endOfEntries(table), entries: table };
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

t.test('the hash of a page is over lengths and ids: where its bytes are does not count', (t) => {
  const place = { chunk: objectId('c'), at: 1024, size: 300 };
  const stored = { kind: 'stored', start: 100, length: 5, place, origin: 'unknown', shift: 0, id: idOf(1) } as const;
  const zero = { kind: 'zero', start: 0, length: 100 } as const;
  const bytes = Buffer.concat([
    Buffer.from('64000000', 'hex'),
    Buffer.alloc(32),
    Buffer.from('05000000', 'hex'),
    stored.id,
  ]);
  t.strictSame(hashOfEntries([zero, stored]), createHash('sha256').update(bytes).digest());
  const elsewhere = { ...place, at: 5000 };
  const moved = { ...stored, kind: 'reference', place: elsewhere, origin: 'parent', shift: 9 } as const;
  t.strictSame(hashOfEntries([zero, moved]), hashOfEntries([zero, stored]));
  t.notSame(hashOfEntries([stored, zero]), hashOfEntries([zero, stored]));
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
  huge.writeUInt32LE(60_000, 8);
  t.throws(() => parsePage(huge), /entries.*are left/, 'a count is checked before anything is made');
  const reserved = Buffer.from(bytes);
  reserved.writeUInt32LE(1, 20);
  t.throws(() => parsePage(reserved), /reserved/);
  t.end();
});
