import type { TocEntry } from '../../src/toc/entry.js';
import { encodeChunkHead, parseChunkHead, unitsOffset } from '../../src/toc/chunk-object.js';
import { encodePage, encodeTable, parsePage, parseTable } from '../../src/toc/page.js';
import { encodePin, parsePin } from '../../src/toc/pin.js';
import { encodeRecord, parseRecord, type VersionRecord } from '../../src/toc/record.js';
import { encodeRoot, parseRoot, type Root } from '../../src/toc/root.js';
import { encodeSketches, parseSketches } from '../../src/toc/sketch.js';
import { encodeTocHead, encodeTocPartHead, parseTocHead, parseTocPartHead } from '../../src/toc/toc-object.js';
import { encodeVaultFacts, parseVaultFacts } from '../../src/toc/vault-json.js';
import { idOf, objectId } from './toc-entries.js';

const MIB = 1024 * 1024;
const UUID = '01234567-89ab-cdef-0123-456789abcdef';

/** One structure of the format, with all kinds of what it can hold. */
export interface Sample {
  readonly value: unknown;
  /** As the encoder writes it. */
  readonly bytes: Buffer;
  /** Returns the value of bytes. */
  readonly parse: (bytes: Buffer) => unknown;
  /** Bytes from here on belong to another structure. */
  readonly end?: number;
}

const place = { chunk: objectId('c'), at: 1024, size: 300 };
const entries: TocEntry[] = [
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
const page = { covered: 268_144, entries };
const table = {
  covered: 1_000_000,
  entries: [...entries, { kind: 'parent', start: 900_000, length: 100_000, shift: 512 } satisfies TocEntry],
};
const sketches = [
  {
    entry: 1,
    values: [
      { crc: 5, page: 15 },
      { crc: 9, page: 2 },
      { crc: 9, page: 3 },
      { crc: 0xffffffff, page: 0 },
    ],
  },
  { entry: 3, values: [{ crc: 0x01020304, page: 7 }] },
];

function rootOf(by: Root['cutting']['by'], sketchSize: number): Root {
  const where = { at: 4096, size: 5000, sketchSize };
  return {
    bytes: 40 * MIB - 512,
    cutting: { by, pageBits: 7 },
    clearHash: idOf('clear'),
    pages: [
      { kind: 'zero', start: 0, length: 16 * MIB },
      { kind: 'here', start: 16 * MIB, length: 8 * MIB, toc: 0, ...where, shift: 0, hash: idOf('page 1') },
      { kind: 'reference', start: 24 * MIB, length: 8 * MIB, toc: 1, ...where, shift: -512, hash: idOf('page 2') },
      { kind: 'here', start: 32 * MIB, length: 8 * MIB - 512, toc: 2, ...where, shift: 0, hash: idOf('page 3') },
    ],
  };
}

const tocId = objectId('toc');
const tocHead = {
  id: tocId,
  version: objectId('version'),
  tocs: [tocId, objectId('older'), objectId('part')],
  closure: [
    { chunk: objectId('chunk 1'), used: 0, size: 160 },
    { chunk: objectId('chunk 2'), used: 4000, size: 16 * MIB },
  ],
};
const tocBytes = Buffer.concat([encodeTocHead(tocHead, 5).bytes, Buffer.from('root!')]);
const rootAt = tocBytes.length - 5;

const tableBytes = encodeTable(table);
const chunkHead = {
  id: objectId('chunk'),
  version: objectId('version'),
  parent: objectId('parent'),
  entries: 5,
  unitsAt: unitsOffset(tableBytes.length),
};
const chunkBytes = encodeChunkHead(chunkHead, Buffer.concat([Buffer.of(0), tableBytes]));

const record: VersionRecord = {
  dataset: 'ubuntu',
  seq: 2,
  rev: 0,
  uuid: UUID,
  version: UUID,
  created: '2026-11-21T02:00:00Z',
  toc: { id: tocId, bytes: 91_136, head: 1280, sha256: idOf('head').toString('hex') },
  facts: {
    by: 'vhdup 0.1.0',
    type: 'disk',
    bytes: 40 * MIB - 512,
    parent: { seq: 1, version: UUID },
    cut: { by: 'fixed', pageBits: 7 },
    content: idOf('content').toString('hex'),
    tree: idOf('tree').toString('hex'),
    disk: { id: UUID, parentId: UUID, timeStamp: 801_234_567, footer: Buffer.alloc(512, 1).toString('base64') },
    stats: { changed: 3, moved: 1, recipes: 1, new: 1, stored: 3040 },
    tags: ['release'],
    comment: 'grün',
  },
};
const vault = {
  id: UUID,
  cipher: 'none',
  codec: 'brotli',
  block: 65_536,
  graceHours: 24,
  created: record.created,
} as const;
const pin = { by: 'vhdup 0.1.0', why: 'push', until: '2026-11-22T02:00:00.000Z' };

/** Each structure by its name; `test/toc/golden/NAME.hex` are its bytes. */
export const SAMPLES = {
  page: { value: page, bytes: encodePage(page), parse: parsePage },
  table: { value: table, bytes: tableBytes, parse: parseTable },
  sketches: { value: sketches, bytes: encodeSketches(sketches), parse: (bytes) => parseSketches(bytes, 4) },
  'root-disk': { value: rootOf('fixed', 70), bytes: encodeRoot(rootOf('fixed', 70)), parse: (b) => parseRoot(b, 3) },
  'root-stream': {
    value: rootOf('fastcdc-1', 0),
    bytes: encodeRoot(rootOf('fastcdc-1', 0)),
    parse: (bytes) => parseRoot(bytes, 3),
  },
  toc: {
    value: { ...tocHead, rootAt, rootLength: 5, clearHash: encodeTocHead(tocHead, 5).clearHash },
    bytes: tocBytes,
    parse: parseTocHead,
    end: rootAt,
  },
  'toc-part': {
    value: { id: objectId('part'), version: objectId('version') },
    bytes: encodeTocPartHead(objectId('part'), objectId('version')),
    parse: parseTocPartHead,
  },
  chunk: {
    value: { ...chunkHead, tableLength: tableBytes.length + 1 },
    bytes: chunkBytes.subarray(0, 72),
    parse: parseChunkHead,
  },
  record: { value: record, bytes: encodeRecord(record), parse: (bytes) => parseRecord(record, bytes) },
  vault: { value: vault, bytes: encodeVaultFacts(vault), parse: parseVaultFacts },
  pin: { value: pin, bytes: encodePin(pin), parse: (bytes) => parsePin('pin', bytes) },
} satisfies Record<string, Sample>;
