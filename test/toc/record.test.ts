import t from 'tap';
import {
  chunkKey,
  datasetName,
  goneKey,
  parseChunkKey,
  parseSessionKey,
  parseTocKey,
  parseVersionKey,
  pinKey,
  recordKey,
  sessionKey,
  tocKey,
} from '../../src/toc/object-names.js';
import { encodeRecord, parseRecord, type VersionRecord } from '../../src/toc/record.js';
import { VAULT_CODECS } from '../../src/toc/vault-json.js';
import { CODECS } from '../../src/seal/unit.js';
import { encodePin, parsePin } from '../../src/toc/pin.js';
import { encodeSignedLine } from '../../src/toc/signed-line.js';
import { encodeVaultFacts, parseVaultFacts } from '../../src/toc/vault-json.js';
import { idOf, objectId } from '../support/toc-entries.js';

const UUID = '01234567-89ab-cdef-0123-456789abcdef';
const hex = (name: string) => idOf(name).toString('hex');

const record: VersionRecord = {
  dataset: 'ubuntu',
  seq: 2,
  rev: 0,
  uuid: UUID,
  version: UUID,
  created: '2026-11-21T02:00:00Z',
  toc: { id: objectId('toc'), bytes: 91_136, head: 1280, sha256: hex('head') },
  facts: {
    by: 'vhdup 0.1.0',
    type: 'disk',
    bytes: 32_212_254_720,
    parent: { seq: 1, version: UUID },
    cut: { by: 'fixed', pageBits: 7 },
    content: hex('content'),
    tree: hex('tree'),
    disk: { id: UUID, parentId: undefined, timeStamp: 801_234_567, footer: Buffer.alloc(512).toString('base64') },
    stats: { changed: 3673, moved: 2320, recipes: 865, new: 488, stored: 3_040_870 },
    tags: ['release'],
    comment: 'ä "quoted"\n',
  },
};

t.test('a record is read as it was written, under its own name only', (t) => {
  const bytes = encodeRecord(record);
  t.strictSame(parseRecord(record, bytes), record);
  t.equal(bytes.toString('utf8').split('\n').length, 3, 'two lines, each with its end');
  for (const other of [{ seq: 3 }, { rev: 1 }, { dataset: 'other' }])
    t.throws(() => parseRecord({ ...record, ...other }, bytes), /sha256/, 'a copy under another name is none');
  const { disk, parent, ...facts } = record.facts;
  const plain = {
    ...record,
    facts: {
      ...facts,
      type: 'other' as const,
      cut: { by: 'fastcdc-1' as const, pageBits: 6 },
      disk: undefined,
      parent: undefined,
    },
  };
  t.strictSame(parseRecord(plain, encodeRecord(plain)), plain);
  t.ok(disk && parent);
  t.end();
});

t.test('any byte that is changed is noticed', (t) => {
  const bytes = encodeRecord(record);
  for (let at = 0; at < bytes.length; at++) {
    const wrong = Buffer.from(bytes);
    wrong.writeUInt8(wrong.readUInt8(at) ^ 1, at);
    t.throws(() => parseRecord(record, wrong), { name: 'BadStructure' }, `byte ${at}`);
    t.throws(() => parseRecord(record, bytes.subarray(0, at)), { name: 'BadStructure' }, `cut at ${at}`);
  }
  t.throws(() => parseRecord(record, Buffer.concat([bytes, Buffer.from('more\nand more\n')])), {
    name: 'BadStructure',
  });
  t.end();
});

t.test('what a reader does not know is refused', (t) => {
  const key = recordKey('ubuntu', 2, 0);
  const line = (change: object) => encodeSignedLine(key, { format: 1, needs: [], ...record, ...change });
  t.strictSame(parseRecord(record, line({ extra: 1 })), record, 'more members are no obstacle');
  for (const [change, field] of [
    [{ format: 2 }, /format/],
    [{ needs: ['magic'] }, /needs/],
    [{ needs: undefined }, /needs/],
    [{ dataset: 'other' }, /dataset/],
    [{ uuid: 'x' }, /uuid/],
    [{ toc: { ...record.toc, bytes: -1 } }, /bytes/],
    [{ toc: { ...record.toc, bytes: 1279 } }, /head/],
    [{ toc: { ...record.toc, bytes: 2 ** 30, head: 2 ** 28 } }, /head/],
    [{ toc: { ...record.toc, id: objectId('toc').toUpperCase() } }, /id/],
    [{ version: UUID.replace('0', '1') }, /version/],
    [{ created: '2026-13-21T02:00:00Z' }, /created/],
    [{ created: '2026-11-21 02:00' }, /created/],
    [{ facts: { ...record.facts, parent: { seq: 2, version: UUID } } }, /parent: seq/],
    [{ facts: { ...record.facts, parent: { seq: 0, version: UUID } } }, /parent: seq/],
    [{ facts: { ...record.facts, cut: { by: 'fastcdc-1', pageBits: 7 } } }, /cut: by/],
    [{ facts: { ...record.facts, cut: { by: 'fixed', pageBits: 14 } } }, /pageBits/],
    [{ facts: { ...record.facts, type: 'file', cut: { by: 'fastcdc-1', pageBits: 7 } } }, /facts: disk/],
    [{ facts: 'c2VhbGVk' }, /facts/],
    [{ toc: null }, /toc/],
    [{ facts: { ...record.facts, type: 'picture' } }, /type/],
    [{ facts: { ...record.facts, tags: [1] } }, /tags/],
  ] as const)
    t.throws(() => parseRecord(record, line(change)), { name: 'BadStructure', message: field }, String(field));
  t.end();
});

t.test('vault.json', (t) => {
  const facts = {
    id: UUID,
    cipher: 'none',
    codec: 'brotli',
    block: 65_536,
    graceHours: 24,
    created: record.created,
  } as const;
  t.strictSame(parseVaultFacts(encodeVaultFacts(facts)), facts);
  t.throws(() => parseVaultFacts(encodeVaultFacts({ ...facts, block: 4096 })), /block/);
  t.throws(() => parseVaultFacts(encodeSignedLine('vault.json', { vhdup: 'vault', format: 2, needs: [] })), /format/);
  t.throws(() => parseVaultFacts(encodeVaultFacts({ ...facts, graceHours: 0 })), /graceHours/);
  t.throws(() => parseVaultFacts(encodeVaultFacts({ ...facts, created: 'yesterday' })), /created/);
  const signed = (...more: string[]) => Buffer.from([encodeVaultFacts(facts).toString(), ...more].join(''));
  t.throws(() => parseVaultFacts(signed(`hmac:${hex('mac')}\n`)), /hmac/, 'only encrypted vaults have a third line');
  t.throws(() => parseVaultFacts(encodeVaultFacts({ ...facts, cipher: 'xaes-256-gcm' })), /hmac/);
  const sealed = encodeVaultFacts({ ...facts, cipher: 'xaes-256-gcm' }).toString();
  t.equal(parseVaultFacts(Buffer.from(`${sealed}hmac:${hex('mac')}\n`)).cipher, 'xaes-256-gcm');
  t.throws(() => parseVaultFacts(Buffer.from(`${sealed}hmac:\n`)), /hmac/);
  t.strictSame([...VAULT_CODECS], [...CODECS], 'each codec that a vault may have is one of units');
  t.throws(() => parseVaultFacts(Buffer.from('{"vhdup":"vault"}')), { name: 'BadStructure' });
  t.end();
});

t.test('a record has two lines of UTF-8 in a vault without encryption, and at most 64 KiB', (t) => {
  const bytes = encodeRecord(record);
  const withHmac = Buffer.from(`${bytes.toString()}hmac:${hex('mac')}\n`);
  t.throws(() => parseRecord(record, withHmac), { name: 'BadStructure', message: /hmac/ });
  // The digest of a text with U+FFFD does not make other bytes that text.
  const odd = encodeRecord({ ...record, facts: { ...record.facts, comment: '\ufffd' } });
  const at = odd.indexOf('\ufffd');
  const invalid = Buffer.concat([odd.subarray(0, at), Buffer.of(0xff), odd.subarray(at + 3)]);
  t.throws(() => parseRecord(record, invalid), { name: 'BadStructure', message: /UTF-8/ });
  t.throws(() => encodeRecord({ ...record, facts: { ...record.facts, comment: 'x'.repeat(65_536) } }), RangeError);
  t.throws(() => parseRecord(record, Buffer.alloc(65_537, 10)), /65537 bytes/);
  t.end();
});

t.test('pins: with and without an end', (t) => {
  const key = pinKey('ubuntu', 2, objectId(1));
  for (const until of ['2026-11-22T02:00:00.000Z', undefined]) {
    const pin = { by: 'vhdup 0.1.0', why: 'push', until };
    t.strictSame(parsePin(key, encodePin(pin)), pin);
  }
  t.equal(encodePin({ by: 'a', why: 'keep', until: undefined }).toString(), '{"by":"a","why":"keep"}\n');
  for (const [text, field] of [
    ['{"by":"a"}\n', /why/],
    ['{"by":1,"why":"keep"}\n', /by/],
    ['{"by":"a","why":"keep","until":"soon"}\n', /until/],
    ['{"by":"a","why":"keep"}', /line/],
    ['[]\n', /object/],
    ['', /object/],
    [`{"by":"${'x'.repeat(65_536)}","why":"keep"}\n`, /object/],
  ] as const)
    t.throws(() => parsePin(key, Buffer.from(text)), { name: 'BadStructure', message: field }, text.slice(0, 50));
  t.throws(() => encodePin({ by: 'x'.repeat(65_536), why: 'keep', until: undefined }), RangeError);
  t.end();
});

t.test('names of datasets and of objects', (t) => {
  for (const name of ['ubuntu', 'a', 'web-1.root_fs', 'x'.repeat(63)]) t.equal(datasetName(name), name);
  t.equal(datasetName('UBUNTU'), 'ubuntu');
  for (const name of ['', '.a', '-a', 'a.', 'a b', 'ä', 'a/b', 'con', 'NUL', 'com1.txt', 'x'.repeat(64)])
    t.equal(datasetName(name), undefined, JSON.stringify(name));
  t.equal(recordKey('ubuntu', 2, 1), 'versions/ubuntu/00000002.0001.json');
  t.strictSame(parseVersionKey(recordKey('ubuntu', 2, 1)), { kind: 'record', dataset: 'ubuntu', seq: 2, rev: 1 });
  t.strictSame(parseVersionKey(pinKey('ubuntu', 2, objectId(1))), {
    kind: 'pin',
    dataset: 'ubuntu',
    seq: 2,
    id: objectId(1),
  });
  t.strictSame(parseVersionKey('versions/ubuntu/00000007.gone'), { kind: 'gone', dataset: 'ubuntu', seq: 7 });
  t.strictSame(parseVersionKey(goneKey('ubuntu', 7)), { kind: 'gone', dataset: 'ubuntu', seq: 7 });
  const id = objectId(5);
  t.equal(parseTocKey(tocKey(id)), id);
  t.equal(chunkKey(id), `chunk/${id.slice(0, 2)}/${id}`);
  t.equal(parseChunkKey(chunkKey(id)), id);
  t.equal(sessionKey(UUID, 12), `session/${UUID}-12.json`);
  t.strictSame(parseSessionKey(sessionKey(UUID, 12)), { uuid: UUID, number: 12 });
  for (const key of [`toc/${id}x`, `toc/${id.toUpperCase()}`, `chunk/${id}`, `chunk/00/${id.replace(/^../, 'ff')}`])
    t.strictSame([parseTocKey(key), parseChunkKey(key)], [undefined, undefined], key);
  for (const key of [`session/${UUID}.json`, `session/${UUID}-01.json`, `session/${UUID.replace('-', '')}-1.json`])
    t.equal(parseSessionKey(key), undefined, key);
  for (const device of ['con', 'prn', 'aux', 'nul', 'com0', 'com9', 'lpt0', 'lpt9'])
    for (const name of [device, device.toUpperCase(), `${device}.txt`]) t.equal(datasetName(name), undefined, name);
  for (const name of ['console', 'com', 'com10', 'nul1', 'a.con']) t.equal(datasetName(name), name);
  for (const key of [
    'versions/ubuntu/2.0001.json',
    'versions/ubuntu/00000000.0000.json',
    'versions/Ubuntu/00000001.0000.json',
    'versions/con/00000001.0000.json',
    'versions/a/b/00000001.0000.json',
    'toc/00000001.0000.json',
  ])
    t.equal(parseVersionKey(key), undefined, key);
  t.throws(() => recordKey('a', 1e8, 0), RangeError);
  t.end();
});
