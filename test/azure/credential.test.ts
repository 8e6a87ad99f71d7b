import t from 'tap';
import { credentialsFor } from '../../src/azure/credential.js';
import { sourcesOf } from '../../src/azure/credential-sources.js';
import { explained } from '../../src/azure/identity.js';
import { isTransient, serviceError } from '../../src/azure/service-error.js';
import { parseBlobUri } from '../../src/azure/location.js';
import { VhdupError } from '../../src/index.js';
import { redact } from '../../src/redact/redact.js';

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

t.test(
  'a token that cannot be renewed in the middle is tried again, and ends with an error that resumes',
  async (t) => {
    const state = { isDown: false };
    const token = { token: 'a', expiresOnTimestamp: 0 };
    const down = Object.assign(new Error('no route to the sign-in'), { name: 'AggregateAuthenticationError' });
    const credential = explained(
      { getToken: () => (state.isDown ? Promise.reject(down) : Promise.resolve(token)) },
      'https://acct',
      [],
      1000,
    );
    await credential.getToken('scope');
    state.isDown = true;
    const error: unknown = await credential.getToken('scope').catch((caught: unknown) => caught);
    t.ok(isTransient(error));
    t.match(serviceError(error, { what: 'write', uri: 'https://acct/c/b' }), {
      code: 'transfer-failed',
      retryable: true,
      message: /the token cannot be renewed: no route to the sign-in/,
    });
  },
);

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

t.test('a sign-in has a deadline, and what the chain says is shown short and without secrets', async (t) => {
  // The deadline's own timer keeps no process alive.
  const alive = setInterval(() => undefined, 1000);
  t.teardown(() => {
    clearInterval(alive);
  });
  const waiting = explained(
    {
      getToken: (_, options) =>
        new Promise((_resolve, reject) => {
          const stop = () => {
            reject(new Error('stopped'));
          };
          if (options?.abortSignal?.aborted) stop();
          options?.abortSignal?.addEventListener('abort', stop);
        }),
    },
    'https://acct',
    [],
    10,
  );
  await t.rejects(waiting.getToken('scope'), { message: 'stopped' });

  const failed = Object.assign(new Error(`AccountKey=c2VjcmV0c2VjcmV0 ${'x'.repeat(1000)}`), {
    name: 'CredentialUnavailableError',
  });
  const chain = explained({ getToken: () => Promise.reject(failed) }, 'https://acct', [], 1000);
  const error: unknown = await chain.getToken('scope').catch((caught: unknown) => caught);
  t.ok(error instanceof VhdupError && !/c2VjcmV0/.test(error.hint ?? '') && (error.hint ?? '').length < 500);
});

t.test('a SAS from the environment that names no account goes to the service only', async (t) => {
  const anySas = { AZURE_STORAGE_SAS_TOKEN: 'sv=1&sig=abcdefghij' };
  t.match(await credentialsFor(parseBlobUri('https://acct.blob.core.windows.net/vhds/b'), anySas), { kind: 'sas' });
  await t.rejects(credentialsFor(parseBlobUri('https://disks.example.com/vhds/b'), anySas), {
    code: 'not-authorised',
    hint: /AZURE_STORAGE_SAS_TOKEN: its account is not known/,
  });
});

t.test('a text that is no key, or no connection string, is refused by the name of its variable', async (t) => {
  const uri = parseBlobUri('https://acct.blob.core.windows.net/vhds/b');
  for (const [environment, name] of [
    [{ AZURE_STORAGE_ACCOUNT: 'acct', AZURE_STORAGE_KEY: 'not base64!' }, /^AZURE_STORAGE_KEY is not/],
    [{ AZURE_STORAGE_CONNECTION_STRING: 'nonsense' }, /^AZURE_STORAGE_CONNECTION_STRING is not/],
  ] as const) {
    await t.rejects(credentialsFor(uri, environment), { code: 'not-authorised', message: name });
    t.match(sourcesOf(uri, { environment }).at(-1), { name, skipped: /were not checked/ });
  }
});

t.test('a credential that is used is taken out of every text, also if nothing marks it', async (t) => {
  const service = 'https://acct.blob.core.windows.net/vhds/b';
  for (const [uri, environment, secret] of [
    [`${service}?sv=1&sig=dXJpLXNpZ25hdHVyZQ`, {}, 'dXJpLXNpZ25hdHVyZQ'],
    [service, { AZURE_STORAGE_SAS_TOKEN: 'sv=1&sig=dmFyaWFibGUtc2lnbmF0dXJl' }, 'dmFyaWFibGUtc2lnbmF0dXJl'],
    [service, { AZURE_STORAGE_ACCOUNT: 'acct', AZURE_STORAGE_KEY: 'dmFyaWFibGUta2V5' }, 'dmFyaWFibGUta2V5'],
    [
      service,
      {
        AZURE_STORAGE_CONNECTION_STRING:
          'AccountName=acct;AccountKey=Y29ubmVjdGlvbi1rZXk;EndpointSuffix=core.windows.net',
      },
      'Y29ubmVjdGlvbi1rZXk',
    ],
  ] as const) {
    await credentialsFor(parseBlobUri(uri), environment);
    t.equal(redact(`in the middle ${secret} of a text`), 'in the middle REDACTED of a text');
  }
});

t.test('secrets that only other modules read from the environment are taken out of every text too', async (t) => {
  await credentialsFor(parseBlobUri('https://acct.blob.core.windows.net/vhds/b'), {
    AZURE_CLIENT_SECRET: 'c2lnbi1pbi1zZWNyZXQ',
  });
  t.equal(redact('in the middle c2lnbi1pbi1zZWNyZXQ of a text'), 'in the middle REDACTED of a text');
});
