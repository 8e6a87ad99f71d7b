import { crc32 } from 'node:zlib';
import t from 'tap';
import { encodeChunkHead, parseChunkHead, parseChunkTable, unitsOffset } from '../../src/toc/chunk-object.js';
import type { TocEntry } from '../../src/toc/entry.js';
import { encodePage, encodeTable, parsePage } from '../../src/toc/page.js';
import { encodeRoot, parseRoot, type PageRow } from '../../src/toc/root.js';
import { encodeSketches, parseSketches } from '../../src/toc/sketch.js';
import { idOf, objectId } from '../support/toc-entries.js';
import { SAMPLES, type Sample } from '../support/toc-samples.js';

/** What is changed in a sample: numbers of so many bits, at these offsets. */
type Change = readonly [bits: 8 | 16 | 32 | 64, at: number, value: number | bigint];

/** Expects that a changed sample is refused, and that the message says why. */
function refused(name: keyof typeof SAMPLES, reason: RegExp, ...changes: Change[]): void {
  const { bytes, parse }: Sample = SAMPLES[name];
  const wrong = Buffer.from(bytes);
  for (const [bits, at, value] of changes)
    if (bits === 64) wrong.writeBigUInt64LE(BigInt(value), at);
    else wrong.writeUIntLE(Number(value), at, bits / 8);
  if (name === 'chunk') wrong.writeUInt32LE(crc32(wrong.subarray(0, 68)), 68);
  const what = `${name}: ${changes.map((change) => change.join(' ')).join(', ')}`;
  t.throws(() => parse(wrong), { name: 'BadStructure', message: reason }, what);
}

// Where the sample of a page has its entries and parts.
const [ZERO, STORED, REFERENCE, RECIPE, UNIT, ZEROS] = [48, 112, 176, 240, 304, 328] as const;

// Counts.
refused('page', /entries .* too many/, [32, 8, 65_537]);
refused('page', /parts .* too many/, [32, 12, 65_536 * 16 + 1]);
refused('page', /chunks .* too many/, [32, 16, 65_537]);
refused('table', /entries .* too many/, [32, 8, 32_769]);
refused('table', /parts .* too many/, [32, 12, 65_537]);
for (const at of [8, 12, 16]) refused('page', /are left/, [32, at, 60_000]);
refused('page', /bytes follow/, [32, 12, 1]);
refused('page', /reserved/, [32, 20, 1]);
refused('page', /covered.*too large/, [64, 24, 2n ** 53n]);

// Entries.
refused('page', /kind.*5 is not known/, [8, ZERO + 12, 5]);
refused('page', /length.*zero/, [32, ZERO + 8, 0]);
refused('page', /length.*too large/, [32, ZERO + 8, 2 ** 32 - 65_535]);
refused('page', /length.*too large/, [32, STORED + 8, 65_537]);
refused('page', /length.*too large/, [32, RECIPE + 8, 65_537]);
refused('page', /entry: start.*too large/, [64, ZERO, BigInt(Number.MAX_SAFE_INTEGER)]);
refused('page', /start.*too large/, [64, ZERO, 2n ** 63n]);
for (const entry of [ZERO, STORED, RECIPE]) refused('page', /shift.*not zero/, [64, entry + 24, 1]);
refused('page', /shift.*too large/, [64, REFERENCE + 24, 2n ** 62n]);
for (const entry of [ZERO, RECIPE]) {
  refused('page', /chunk.*not zero/, [16, entry + 14, 1]);
  refused('page', /chunk.*not zero/, [32, entry + 20, 1]);
}
for (const [bits, at] of [
  [8, 13],
  [32, 16],
  [8, 63],
] as const)
  refused('page', /reserved/, [bits, ZERO + at, 1]);
refused('page', /no chunk 1/, [16, STORED + 14, 1]);
refused('page', /origin.*4 is not known/, [8, STORED + 13, 4]);
for (const origin of [1, 3]) refused('page', /origin.*does not fit/, [8, STORED + 13, origin]);
refused('page', /origin.*does not fit/, [8, REFERENCE + 13, 2]);
for (const origin of [0, 3]) refused('page', /shift.*not zero/, [8, REFERENCE + 13, origin]);
for (const place of [STORED + 16, UNIT + 8]) {
  refused('page', /size.*0 is not allowed/, [32, place + 4, 0]);
  refused('page', /size.*65578 is not allowed/, [32, place + 4, 65_578]);
  refused('page', /at.*71 is not within/, [32, place, 71]);
  refused('page', /at.*is not within/, [32, place, 2 ** 32 - 300]);
}

// Recipes and their parts.
refused('page', /parts.*0 from 0/, [8, RECIPE + 13, 0]);
refused('page', /parts.*17 from 0/, [8, RECIPE + 13, 17]);
refused('page', /parts.*3 from 0/, [8, RECIPE + 13, 3]);
refused('page', /parts.*from 1/, [32, RECIPE + 16, 1]);
refused('page', /parts.*other bytes/, [8, RECIPE + 13, 1]);
refused('page', /parts.*other bytes/, [32, UNIT, 4999]);
for (const length of [0, 65_537]) refused('page', /part: length/, [32, UNIT, length]);
for (const flags of [3, 4, 0x8000]) refused('page', /flags/, [16, UNIT + 6, flags]);
for (const [bits, at] of [
  [16, 4],
  [32, 8],
  [32, 12],
  [32, 16],
  [32, 20],
] as const)
  refused('page', /reserved/, [bits, ZEROS + at, 1]);
refused('page', /no chunk 1/, [16, UNIT + 4, 1]);
refused('page', /leads out/, [32, UNIT + 16, 65_536 - 5000 + 1]);

t.test('parts that no recipe has, and more than 16 of them, are refused', (t) => {
  const { bytes } = SAMPLES.page;
  const more = Buffer.concat([bytes, bytes.subarray(ZEROS)]);
  more.writeUInt32LE(3, 12);
  t.throws(() => parsePage(more), { name: 'BadStructure', message: /1 belong to no entry/ });
  const parts = Array.from({ length: 17 }, () => ({ kind: 'zeros' as const, length: 1 }));
  const recipe: TocEntry = { kind: 'recipe', start: 0, length: 17, parts, id: idOf(1) };
  t.throws(() => parsePage(encodePage({ covered: 17, entries: [recipe] })), { name: 'BadStructure', message: /17/ });
  const allowed = { ...recipe, length: 16, parts: parts.slice(1) };
  t.strictSame(parsePage(encodePage({ covered: 16, entries: [allowed] })).entries, [allowed]);
  t.end();
});

// Tables: a run of the parent is allowed, overlaps are not, and nothing is behind the end.
refused('table', /starts at 5/, [64, STORED, 5]);
refused('table', /covered/, [64, 24, 1_000_001]);
refused('table', /covered/, [64, 24, 999_999]);

// Sketches: two of them; the first has four values, of which two are equal.
refused('sketches', /count/, [32, 8, 3]);
refused('sketches', /reserved/, [32, 12, 1]);
refused('sketches', /entry/, [16, 36, 1]);
refused('sketches', /entry/, [16, 36, 4]);
refused('sketches', /ascending/, [32, 18, 10]);
refused('sketches', /ascending/, [16, 34, 0x023f]);
refused('sketches', /different/, [16, 34, 0xf32f]);
refused('sketches', /absent/, [32, 46, 7]);
refused('sketches', /absent/, [16, 54, 0x17]);
refused('sketches', /bytes follow/, [32, 8, 1]);
t.throws(() => parseSketches(encodeSketches([{ entry: 0, values: [] }]), 0), /entry/);

// Rows of a root.
const [ROW_ZERO, ROW_HERE, ROW_REFERENCE] = [56, 128, 200] as const;
for (const name of ['root-disk', 'root-stream'] as const) {
  refused(name, /cutting/, [8, 16, 2]);
  for (const bits of [0, 14]) refused(name, /pageBits/, [8, 17, bits]);
  refused(name, /reserved/, [16, 18, 1]);
  refused(name, /are left/, [32, 20, 5]);
  refused(name, /bytes follow/, [32, 20, 3]);
  refused(name, /cover/, [64, 8, 1]);
  refused(name, /starts at/, [64, ROW_HERE, 2 ** 25]);
  refused(name, /length.*0 is not allowed/, [64, ROW_ZERO + 8, 0]);
  refused(name, /length/, [64, ROW_HERE + 8, Number.MAX_SAFE_INTEGER]);
  refused(name, /kind/, [8, ROW_HERE + 28, 3]);
  for (const at of [16, 20, 24, 29, 32, 40, 71]) refused(name, /reserved/, [8, ROW_ZERO + at, 1]);
  refused(name, /toc.*3 is not allowed/, [32, ROW_HERE + 16, 3]);
  refused(name, /toc.*0 is not allowed/, [32, ROW_REFERENCE + 16, 0]);
  for (const size of [0, 64 * 1024 * 1024 + 1]) refused(name, /size/, [32, ROW_HERE + 24, size]);
  refused(name, /shift/, [64, ROW_HERE + 32, 1]);
  refused(name, /shift.*too large/, [64, ROW_REFERENCE + 32, 2n ** 63n]);
}
refused('root-stream', /only disks have sketches/, [8, ROW_HERE + 29, 1]);

t.test('pages of a disk are where its size says', (t) => {
  const MIB = 1024 * 1024;
  const where = { toc: 0, at: 0, size: 5, sketchSize: 0, shift: 0, hash: idOf(1) };
  const parsed = (by: 'fixed' | 'fastcdc-1', ...pages: PageRow[]) => {
    const bytes = pages.reduce((sum, { length }) => sum + length, 0);
    return parseRoot(encodeRoot({ bytes, cutting: { by, pageBits: 7 }, clearHash: idOf('x'), pages }), 1);
  };
  const short: PageRow = { kind: 'here', start: 0, length: 7 * MIB, ...where };
  const next: PageRow = { kind: 'here', start: 7 * MIB, length: 8 * MIB, ...where };
  const long: PageRow = { kind: 'here', start: 0, length: 9 * MIB, ...where };
  t.throws(() => parsed('fixed', short, next), { name: 'BadStructure', message: /not a page of this disk/ });
  t.throws(() => parsed('fixed', long), { name: 'BadStructure', message: /not a page of this disk/ });
  t.equal(parsed('fixed', short).pages.length, 1, 'the last one may be shorter');
  t.equal(parsed('fastcdc-1', short, next).pages.length, 2);
  t.end();
});

// The head of a TOC object: three objects, two chunks.
refused('toc', /root length.*zero/, [32, 8, 0]);
refused('toc', /head.*bytes/, [32, 8, 2 ** 27]);
refused('toc', /left/, [32, 8, 6]);
refused('toc', /left/, [32, 12, 1000]);
refused('toc', /left/, [32, 16, 1000]);
refused('toc', /do not begin with this/, [8, 24, 0]);
refused(
  'toc',
  /TOC objects.*twice/,
  ...[...SAMPLES.toc.bytes.subarray(72, 88)].map((byte, n): Change => [8, 88 + n, byte]),
);
refused(
  'toc',
  /closure.*twice/,
  ...[...SAMPLES.toc.bytes.subarray(104, 120)].map((byte, n): Change => [8, 128 + n, byte]),
);
refused('toc', /used.*4000 of 3999/, [32, 148, 3999]);
refused('toc', /size.*71/, [32, 124, 71]);
refused('toc-part', /reserved/, [8, 15, 1]);
refused('toc-part', /magic/, [8, 7, 0]);

// The head of a chunk, with the CRC that belongs to it.
refused('chunk', /entries.*too many/, [32, 12, 32_769]);
refused('chunk', /first unit.*too large/, [32, 8, 2 ** 23]);
refused('chunk', /first unit.*not behind/, [32, 8, SAMPLES.chunk.value.unitsAt + 8]);
refused('chunk', /first unit.*not behind/, [32, 64, SAMPLES.chunk.value.unitsAt - 71]);
refused('chunk', /table length.*zero/, [32, 64, 0]);

t.test('the table of a chunk fits its head', (t) => {
  const id = objectId('chunk');
  const entry = (at: number): TocEntry => ({
    kind: 'stored',
    start: 0,
    length: 10,
    place: { chunk: id, at, size: 11 },
    origin: 'unknown',
    shift: 0,
    id: idOf(1),
  });
  const headOf = (plain: Buffer, change: { unitsAt?: number; entries?: number } = {}) => {
    const head = { id, version: objectId('v'), parent: undefined, entries: 1, unitsAt: unitsOffset(plain.length) };
    return parseChunkHead(encodeChunkHead({ ...head, ...change }, Buffer.concat([Buffer.of(0), plain])));
  };
  const table = { covered: 10, entries: [entry(unitsOffset(32 + 16 + 64))] };
  const plain = encodeTable(table);
  t.strictSame(parseChunkTable(headOf(plain), plain), table);
  const bad = (change: Parameters<typeof headOf>[1], bytes: Buffer, reason: RegExp) =>
    t.throws(() => parseChunkTable(headOf(plain, change), bytes), { name: 'BadStructure', message: reason });
  bad({ unitsAt: unitsOffset(plain.length) + 16 }, plain, /first unit/);
  bad({ entries: 2 }, plain, /entries are|entries at/);
  const early = encodeTable({ covered: 10, entries: [entry(80)] });
  bad({}, early, /80 is before the first unit/);
  const part = { kind: 'unit', length: 10, place: { chunk: id, at: 80, size: 11 }, skip: 0, isOwn: true } as const;
  const recipe: TocEntry = { kind: 'recipe', start: 0, length: 10, parts: [part], id: idOf(1) };
  const made = encodeTable({ covered: 10, entries: [recipe] });
  t.throws(() => parseChunkTable(headOf(made), made), /80 is before the first unit/);
  t.end();
});
