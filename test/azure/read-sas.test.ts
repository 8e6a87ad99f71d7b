import { StorageSharedKeyCredential } from '@azure/storage-blob';
import t from 'tap';
import { parseBlobUri } from '../../src/azure/location.js';
import { readSasBy } from '../../src/azure/read-sas.js';
import { parseSas } from '../../src/azure/sas.js';
import { redact } from '../../src/redact/redact.js';

const HOUR = 3_600_000;
const NOW = Date.UTC(2026, 10, 30, 12);
const key = new StorageSharedKeyCredential('acct', Buffer.alloc(32, 1).toString('base64'));
const base = parseBlobUri('https://acct.blob.core.windows.net/vhds/base.vhd');

t.test('it allows reading one blob, over https, from 15 minutes ago for a day', (t) => {
  const sas = readSasBy(key, () => NOW)(base);
  const fields = Object.fromEntries(new URLSearchParams(sas));
  t.match(fields, { sp: 'r', sr: 'b', spr: 'https', sv: '2021-12-02' });
  const { starts, ends } = parseSas(sas);
  t.equal(starts?.getTime(), NOW - HOUR / 4);
  t.equal(ends?.getTime(), NOW - HOUR / 4 + 24 * HOUR);
  t.notOk(redact(`at ${fields.sig}`).includes(fields.sig ?? ''), 'it is a secret');
  t.end();
});

t.test('a snapshot and a version have one of their own, and plain http only where the endpoint has it', (t) => {
  const make = readSasBy(key, () => NOW);
  const fieldsOf = (location: Parameters<typeof make>[0]) => Object.fromEntries(new URLSearchParams(make(location)));
  t.match(fieldsOf({ ...base, snapshot: '2026-11-30T10:00:00.0000000Z' }), { sr: 'bs', spr: 'https' });
  t.match(fieldsOf({ ...base, versionId: '2026-11-30T10:00:00.0000000Z' }), { sr: 'bv' });
  t.match(fieldsOf(parseBlobUri('http://127.0.0.1:10000/acct/vhds/base.vhd')), { sr: 'b', spr: 'https,http' });
  t.match(fieldsOf(base), { sr: 'b', spr: 'https' });
  t.end();
});

t.test('it is made again when less than an hour is left', (t) => {
  let now = NOW;
  const make = readSasBy(key, () => now);
  const first = make(base);
  now = NOW + 22.75 * HOUR;
  t.equal(make(base), first);
  now += 1;
  t.not(make(base), first);
  t.end();
});
