import t from 'tap';
import { containerUri, isSameBlob, parseBlobUri, parseContainerUri, uriOf } from '../../src/azure/location.js';
import { credentialsFor } from '../../src/azure/credential.js';
import { redact } from '../../src/redact/redact.js';

t.test('a container URI is parsed with and without a slash at its end, and with a SAS', (t) => {
  const endpoint = 'https://acct.blob.core.windows.net';
  for (const uri of [`${endpoint}/vhds`, `${endpoint}/vhds/`, `${endpoint}/vhds//`])
    for (const query of ['', '?sv=1&sig=SECRET', '?sv=1&restype=container&sig=SECRET']) {
      const location = parseContainerUri(uri + query);
      t.strictSame(location, {
        endpoint,
        account: 'acct',
        container: 'vhds',
        sas: query === '' ? undefined : query.slice(1),
      });
      t.equal(containerUri(location), `${endpoint}/vhds`);
    }
  t.match(parseContainerUri('http://127.0.0.1:10000/devstoreaccount1/vhds/'), {
    endpoint: 'http://127.0.0.1:10000/devstoreaccount1',
    account: 'devstoreaccount1',
    container: 'vhds',
  });
  for (const [uri, message] of [
    [endpoint, /does not name a container/],
    ['http://127.0.0.1:10000/devstoreaccount1', /does not name a container/],
    [`${endpoint}/vhds/disk.vhd?sig=SECRET`, /^"[^?]*disk.vhd" names a blob, not a container/],
    [`${endpoint}/UPPER`, /cannot be the name of a container/],
    ['ftp://acct/vhds', /is not a container URI/],
    ['vhds', /is not a URI/],
    ['https://user:password@acct/vhds', /carries no user name or password/],
  ] as const)
    t.throws(() => parseContainerUri(uri), { code: 'usage', message });
  t.end();
});

t.test('a blob URI is taken apart and put together again, without its SAS', (t) => {
  const blob = parseBlobUri(
    'https://acct.blob.core.windows.net/vhds/a%20b/ü.vhd?sv=1&sig=SECRET&snapshot=2024-01-01T00:00:00.0000000Z',
  );
  t.match(blob, {
    account: 'acct',
    container: 'vhds',
    name: 'a b/ü.vhd',
    snapshot: '2024-01-01T00:00:00.0000000Z',
    sas: 'sv=1&sig=SECRET',
  });
  t.notMatch(uriOf(blob), /SECRET/);
  t.ok(isSameBlob(blob, parseBlobUri(uriOf(blob))));
  t.match(parseBlobUri('http://127.0.0.1:10000/devstoreaccount1/vhds/x.vhd'), {
    endpoint: 'http://127.0.0.1:10000/devstoreaccount1',
    account: 'devstoreaccount1',
    container: 'vhds',
    name: 'x.vhd',
  });
  t.match(parseBlobUri('https://disks.example.com/vhds/x.vhd'), {
    endpoint: 'https://disks.example.com',
    account: undefined,
    container: 'vhds',
  });
  for (const wrong of [
    'disk.vhd',
    'ftp://a/b/c',
    'https://acct.blob.core.windows.net/',
    'https://acct.blob.core.windows.net/vhds',
    'https://user:pw@acct.blob.core.windows.net/vhds/b',
  ]) {
    t.throws(() => parseBlobUri(wrong), { code: 'usage' }, wrong);
  }
  t.end();
});

t.test('secrets go to the account that they belong to, and nowhere else', async (t) => {
  const here = parseBlobUri('https://acct.blob.core.windows.net/vhds/b');
  const other = parseBlobUri('https://other.blob.core.windows.net/vhds/b');
  const local = parseBlobUri('http://127.0.0.1:10000/someone/vhds/b');
  const key = { AZURE_STORAGE_ACCOUNT: 'acct', AZURE_STORAGE_KEY: 'a2V5' };
  const sas = { AZURE_STORAGE_ACCOUNT: 'acct', AZURE_STORAGE_SAS_TOKEN: '?sig=x' };
  t.equal((await credentialsFor(here, key)).kind, 'account-key');
  t.equal((await credentialsFor(other, key)).kind, 'token');
  t.match(await credentialsFor(here, sas), { kind: 'sas', sas: 'sig=x' });
  t.equal((await credentialsFor(other, sas)).kind, 'token');
  t.match(await credentialsFor(parseBlobUri(`${uriOf(other)}?sig=own`), key), { kind: 'sas', sas: 'sig=own' });
  t.equal(
    (
      await credentialsFor(here, {
        AZURE_STORAGE_CONNECTION_STRING: 'AccountName=acct;AccountKey=a2V5;EndpointSuffix=core.windows.net',
      })
    ).kind,
    'account-key',
  );
  for (const impostor of [
    'https://acct.blob.core.evil.example/vhds/b',
    'http://acct.blob.core.windows.net/vhds/b',
    'http://10.0.0.1/acct/vhds/b',
  ]) {
    await t.rejects(credentialsFor(parseBlobUri(impostor), sas), { code: 'not-authorised' }, impostor);
    await t.rejects(credentialsFor(parseBlobUri(impostor), key), { code: 'not-authorised' }, impostor);
  }
  await t.rejects(
    credentialsFor(local, key),
    { code: 'not-authorised' },
    'a token never goes to a host that is not the service',
  );
  await t.rejects(credentialsFor(here, { AZURE_STORAGE_CONNECTION_STRING: 'nonsense' }), { code: 'not-authorised' });
});

t.test('signatures are taken out of what the service says', (t) => {
  t.equal(
    redact('at https://a/b?sv=1&sig=abc%3D&x=1 AccountKey=k=='),
    'at https://a/b?sv=REDACTED&sig=REDACTED&x=1 AccountKey=REDACTED',
  );
  t.end();
});
