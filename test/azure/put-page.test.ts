import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import { credentialsFor } from '../../src/azure/credential.js';
import { parseBlobUri } from '../../src/azure/location.js';
import { putPageFor } from '../../src/azure/put-page.js';
import { CachedToken } from '../../src/azure/token.js';
import { azureScene } from '../support/azure-scene.js';
import { bytesOf } from '../support/blobs.js';

const NO_PROXY = { HTTPS_PROXY: undefined, HTTP_PROXY: undefined, ALL_PROXY: undefined };
const md5Of = (bytes: Uint8Array) => createHash('md5').update(bytes).digest();

t.test('pages are written and cleared under conditions, signed with the key', async (t) => {
  const { gate, container, blobAt } = await azureScene(t);
  const direct = container.getPageBlobClient('a b/c');
  await direct.create(2048);
  const { blob } = await blobAt('a b/c');
  const put = putPageFor(blob.authorizedUrl, blob.credentials);
  const { signal } = new AbortController();
  const page = Buffer.alloc(1024, 5);
  await put?.({ offset: 512, length: 1024 }, { bytes: page, md5: md5Of(page) }, {}, signal);
  t.ok((await bytesOf(container, 'a b/c')).equals(Buffer.concat([Buffer.alloc(512), page, Buffer.alloc(512)])));
  t.match(gate.records.at(-1), { kind: 'put-page', headers: { 'user-agent': 'vhdup', authorization: /^SharedKey / } });
  await put?.({ offset: 512, length: 512 }, 'zeros', {}, signal);
  t.strictSame(
    (await bytesOf(container, 'a b/c')).subarray(0, 1536),
    Buffer.concat([Buffer.alloc(1024), page.subarray(512)]),
  );

  const { etag = '' } = await direct.getProperties();
  for (const [conditions, code] of [
    [{ ifMatch: '"0x0"' }, 'ConditionNotMet'],
    [{ ifNoneMatch: etag }, 'ConditionNotMet'],
    [{ leaseId: '6d0d4a2e-0000-4000-8000-000000000000' }, 'LeaseNotPresentWithBlobOperation'],
  ] as const)
    await t.rejects(put?.({ offset: 0, length: 512 }, 'zeros', conditions, signal) ?? Promise.resolve(), {
      name: 'HttpError',
      status: 412,
      code,
    });
  await t.rejects(
    put?.({ offset: 512, length: 1024 }, { bytes: page, md5: md5Of(Buffer.alloc(1)) }, {}, signal) ?? Promise.resolve(),
    { status: 400, code: 'Md5Mismatch' },
    'other bytes than the digest says',
  );
  await t.rejects(put?.({ offset: 0, length: 512 }, 'zeros', {}, AbortSignal.abort()) ?? Promise.resolve(), {
    name: 'AbortError',
  });
});

t.test(
  'a token goes the same fast way, and one that is refused is renewed once, in the tenant that the service names',
  async (t) => {
    const TENANT = '6d0d4a2e-0000-4000-8000-000000000000';
    const seen: (string | undefined)[] = [];
    const server = createServer((request, response) => {
      request.resume();
      seen.push(request.headers.authorization);
      if (request.headers.authorization === 'Bearer token-2') response.writeHead(201).end();
      else
        response
          .writeHead(401, {
            'www-authenticate': `Bearer authorization_uri=https://login.microsoftonline.com/${TENANT}/oauth2/authorize resource_id=https://storage.azure.com`,
          })
          .end();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.teardown(() => {
      server.closeAllConnections();
      server.close();
    });
    const asked: (string | undefined)[] = [];
    const token = new CachedToken({
      getToken: (_, options) => {
        asked.push(options?.tenantId);
        return Promise.resolve({ token: `token-${asked.length}`, expiresOnTimestamp: Date.now() + 3_600_000 });
      },
    });
    const { port } = server.address() as AddressInfo;
    const { pipeline, limits } = await credentialsFor(
      parseBlobUri('https://acct.blob.core.windows.net/vhds/b?sig=c2VjcmV0'),
      {},
    );
    const credentials = { pipeline, limits, sas: undefined, kind: 'token', token, source: 'a test' } as const;
    const put = putPageFor(`http://127.0.0.1:${port}/acct/vhds/b`, credentials);
    const { signal } = new AbortController();
    for (const offset of [0, 512]) await put?.({ offset, length: 512 }, 'zeros', {}, signal);
    t.strictSame(seen, ['Bearer token-1', 'Bearer token-2', 'Bearer token-2']);
    t.strictSame(asked, [undefined, TENANT]);
  },
);

t.test('the SDK sends the pages if there is a proxy; else tokens too go without it', async (t) => {
  const url = 'https://acct.blob.core.windows.net/vhds/b';
  const sas = await credentialsFor(parseBlobUri(`${url}?sig=c2VjcmV0`), {});
  const token = await credentialsFor(parseBlobUri(url), {});
  const before = { ...process.env };
  t.teardown(() => {
    process.env = before;
  });
  process.env = { ...before, ...NO_PROXY, https_proxy: undefined, http_proxy: undefined, all_proxy: undefined };
  t.equal(token.kind, 'token');
  t.type(putPageFor(url, token), 'function');
  t.type(putPageFor(`${url}?sig=c2VjcmV0`, sas), 'function');
  for (const name of [...Object.keys(NO_PROXY), 'https_proxy']) {
    process.env = { ...before, ...NO_PROXY, [name]: 'http://127.0.0.1:9' };
    t.equal(putPageFor(url, sas), undefined, name);
    t.equal(putPageFor(url, token), undefined, name);
  }
});
