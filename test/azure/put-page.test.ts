import { createHash } from 'node:crypto';
import t from 'tap';
import { credentialsFor } from '../../src/azure/credential.js';
import { parseBlobUri } from '../../src/azure/location.js';
import { putPageFor } from '../../src/azure/put-page.js';
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

t.test('the SDK sends the pages if the credential is a token, or there is a proxy', async (t) => {
  const url = 'https://acct.blob.core.windows.net/vhds/b';
  const sas = await credentialsFor(parseBlobUri(`${url}?sig=c2VjcmV0`), {});
  const token = await credentialsFor(parseBlobUri(url), {});
  t.equal(token.kind, 'token');
  t.equal(putPageFor(url, token), undefined);
  t.type(putPageFor(`${url}?sig=c2VjcmV0`, sas), 'function');
  const before = { ...process.env };
  t.teardown(() => {
    process.env = before;
  });
  for (const name of [...Object.keys(NO_PROXY), 'https_proxy']) {
    process.env = { ...before, ...NO_PROXY, [name]: 'http://127.0.0.1:9' };
    t.equal(putPageFor(url, sas), undefined, name);
  }
});
