import t from 'tap';
import { credentialsFor } from '../../src/azure/credential.js';
import { parseBlobUri } from '../../src/azure/location.js';
import { VhdupError } from '../../src/index.js';

const KEY = {
  AZURE_STORAGE_CONNECTION_STRING: 'AccountName=acct;AccountKey=a2V5a2V5a2V5;BlobEndpoint=http://azurite:10000/acct',
};
const SAS = {
  AZURE_STORAGE_CONNECTION_STRING: 'SharedAccessSignature=sv=1&sig=abcdefghij;BlobEndpoint=http://azurite:10000/acct',
};

t.test('over plain http a SAS or a key goes to this machine only, unless that is allowed', async (t) => {
  for (const [uri, environment] of [
    ['http://azurite:10000/acct/vhds/b?sv=1&sig=abcdefghij', {}],
    ['http://acct.blob.core.windows.net/vhds/b?sv=1&sig=abcdefghij', {}],
    ['http://localhost.example.com/vhds/b?sv=1&sig=abcdefghij', {}],
    ['http://127.0.0.1.example.com/vhds/b?sv=1&sig=abcdefghij', {}],
    ['http://azurite:10000/acct/vhds/b', KEY],
    ['http://azurite:10000/acct/vhds/b', SAS],
  ] as const) {
    const error: unknown = await credentialsFor(parseBlobUri(uri), environment).catch((caught: unknown) => caught);
    t.match(error, { code: 'not-authorised', hint: /`allowHttp`/ }, uri);
    t.ok(error instanceof VhdupError && !/abcdefghij/.test(error.message));
    t.match(
      (await credentialsFor(parseBlobUri(uri), environment, { allowHttp: true })).kind,
      /sas|account-key/,
      'allowed',
    );
  }
  for (const host of ['127.0.0.1:10000', '127.8.8.8', 'localhost:10000', '[::1]:10000']) {
    t.equal((await credentialsFor(parseBlobUri(`http://${host}/acct/vhds/b?sig=abcdefghij`), {})).kind, 'sas', host);
  }
});

t.test(
  'to allow http opens no other door: a credential stays with its account, a token with the service',
  async (t) => {
    await t.rejects(credentialsFor(parseBlobUri('http://elsewhere:10000/acct/vhds/b'), KEY, { allowHttp: true }), {
      code: 'not-authorised',
    });
    await t.rejects(credentialsFor(parseBlobUri('http://acct.blob.core.windows.net/vhds/b'), {}, { allowHttp: true }), {
      code: 'not-authorised',
    });
  },
);

t.test("a host of one's own gets what its own endpoint names", async (t) => {
  const own = {
    AZURE_STORAGE_CONNECTION_STRING: 'BlobEndpoint=https://disks.example.com;SharedAccessSignature=sv=1&sig=abcdefghij',
  };
  t.equal((await credentialsFor(parseBlobUri('https://disks.example.com/vhds/b'), own)).kind, 'sas');
  await t.rejects(credentialsFor(parseBlobUri('https://others.example.com/vhds/b'), own), { code: 'not-authorised' });
});
