import t from 'tap';
import { credentialsFor } from '../../src/azure/credential.js';
import { explained } from '../../src/azure/identity.js';
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

t.test('without a credential the error lists where it was looked for, and why each was skipped', async (t) => {
  const elsewhere = {
    AZURE_STORAGE_CONNECTION_STRING: 'AccountName=other;AccountKey=a2V5a2V5a2V5;EndpointSuffix=core.windows.net',
    AZURE_STORAGE_KEY: 'a2V5a2V5',
  };
  const error: unknown = await credentialsFor(parseBlobUri('http://azurite:10000/acct/vhds/b'), elsewhere).catch(
    (caught: unknown) => caught,
  );
  t.match(error, {
    code: 'not-authorised',
    hint: /AZURE_STORAGE_CONNECTION_STRING: is for account other\n.*AZURE_STORAGE_KEY: set, but AZURE_STORAGE_ACCOUNT is not.*\n.*AZURE_STORAGE_SAS_TOKEN: not set\n.*only for https hosts/,
  });
  t.ok(error instanceof VhdupError && !/a2V5/.test(error.hint ?? ''));
});

t.test('what the identity chain says is in the hint, a line each; other failures stay as they are', async (t) => {
  const unavailable = Object.assign(new Error('chain failed'), {
    name: 'AggregateAuthenticationError',
    errors: [
      new Error('EnvironmentCredential is unavailable.\nmore'),
      new Error('Azure CLI could not be found. Please visit https://example.com.'),
    ],
  });
  const chain = (error: Error) => explained({ getToken: () => Promise.reject(error) }, 'https://acct', [], 1000);
  await t.rejects(chain(unavailable).getToken('scope'), {
    code: 'not-authorised',
    message: 'no credential for https://acct',
    hint: /EnvironmentCredential is unavailable\.\n.*Azure CLI could not be found\.\n.*az login/,
  });
  const reset = Object.assign(new Error('reset'), { code: 'ECONNRESET' });
  await t.rejects(chain(reset).getToken('scope'), reset);
});

t.test('a credential for another account is passed over for the next one', async (t) => {
  const both = {
    AZURE_STORAGE_CONNECTION_STRING: 'AccountName=other;AccountKey=a2V5a2V5a2V5;EndpointSuffix=core.windows.net',
    AZURE_STORAGE_ACCOUNT: 'acct',
    AZURE_STORAGE_KEY: 'a2V5a2V5',
  };
  t.match(await credentialsFor(parseBlobUri('https://acct.blob.core.windows.net/vhds/b'), both), {
    kind: 'account-key',
    source: 'AZURE_STORAGE_KEY',
  });
});
