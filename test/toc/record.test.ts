import t from 'tap';
import { datasetName, parseVersionKey, pinKey, recordKey } from '../../src/toc/object-names.js';
import { encodeRecord, parseRecord, type VersionRecord } from '../../src/toc/record.js';
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
  const plain = { ...record, facts: { ...facts, type: 'other' as const, disk: undefined, parent: undefined } };
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
  t.throws(() => parseVaultFacts(Buffer.from('{"vhdup":"vault"}')), { name: 'BadStructure' });
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
