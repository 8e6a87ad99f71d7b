import { createHash, randomBytes } from 'node:crypto';
import { AnonymousCredential, newPipeline, type IHttpClient, type WebResource } from '@azure/storage-blob';
import t, { type Test } from 'tap';
import { copyRange, type RangeSource } from '../../src/azure/copy-range.js';
import { credentialsFor, type Credentials } from '../../src/azure/credential.js';
import { parseBlobUri } from '../../src/azure/location.js';
import { PageBlob } from '../../src/azure/page-blob.js';
import type { RequestRecord } from '../../src/azure/request-log.js';
import { AZURE_ERRORS } from '../../src/azure/service-error.js';
import { CachedToken } from '../../src/azure/token.js';
import { Retrier } from '../../src/run/retry.js';
import { azureScene } from '../support/azure-scene.js';
import { bytesOf } from '../support/blobs.js';
import { atNth, type GateRecord, type SourceRefusal } from '../support/gate.js';
import { sasFor } from '../support/sas.js';

const md5Of = (bytes: Uint8Array) => createHash('md5').update(bytes).digest();
const RANGE = { offset: 1024, length: 1024 };

/** A base of 4 KiB, an empty blob of the same size, and a copy of the base's second KiB to the other's. */
async function rangeScene(t: Test, { copiesRanges = true } = {}) {
  const scene = await azureScene(t, { copiesRanges });
  const { gate, container, blobAt } = scene;
  const content = randomBytes(4096);
  const base = container.getPageBlobClient('base');
  await base.create(4096);
  await base.uploadPages(content, 0, 4096);
  await container.getPageBlobClient('disk').create(4096);
  const { blob: source } = await blobAt('base');
  const { blob: disk } = await blobAt('disk');
  const { etag = '' } = await base.getProperties();
  const bytes = content.subarray(2048, 3072);
  const from: RangeSource = { blob: source, etag, offset: 2048, md5: md5Of(bytes) };
  const refusing = (refuse: SourceRefusal | undefined) => {
    gate.rangeCopies = { refuse: () => refuse, tokens: new Set() };
  };
  const copies = () => gate.records.filter(({ kind }) => kind === 'copy-range');
  return { ...scene, base, disk, from, bytes, refusing, copies };
}

t.test('a range is copied by the service: no content goes through this machine', async (t) => {
  const { gate, container, disk, from, bytes, copies } = await rangeScene(t);
  t.strictSame(await copyRange(disk, RANGE, from, {}), { kind: 'copied' });
  const [sent] = copies();
  t.match(sent, { range: RANGE, bodyLength: 0, status: 201, headers: { 'x-ms-source-range': 'bytes=2048-3071' } });
  t.match(sent?.headers, {
    'x-ms-source-if-match': from.etag,
    'x-ms-source-content-md5': Buffer.from(from.md5).toString('base64'),
  });
  t.notOk(gate.records.some(({ bodyLength }) => bodyLength > 0));
  const expected = Buffer.concat([Buffer.alloc(1024), bytes, Buffer.alloc(2048)]);
  t.ok((await bytesOf(container, 'disk')).equals(expected));
});

t.test('an emulator that does not have the request refuses it for good', async (t) => {
  const { disk, from, container } = await rangeScene(t, { copiesRanges: false });
  t.match(await copyRange(disk, RANGE, from, {}), { kind: 'refused', isForGood: true, problem: /501/ });
  t.ok((await bytesOf(container, 'disk')).equals(Buffer.alloc(4096)));
});

t.test('what the service says of the source is a refusal, with its words, and nothing is written', async (t) => {
  const { disk, from, refusing, container, copies } = await rangeScene(t);
  for (const [refusal, problem] of [
    ['forbidden', /403 CannotVerifyCopySource.*; the base: 403 AuthenticationFailed$/],
    ['unauthorized', /401 CannotVerifyCopySource/],
    ['missing', /404 CannotVerifyCopySource.*; the base: 404 BlobNotFound$/],
    ['bare', /cannot copy 1.0 KiB of http:.*\/base to offset 1024: 403 CannotVerifyCopySource/],
    ['private', /409 PublicAccessNotPermitted/],
    ['incremental', /409 CopySourceCannotBeIncrementalCopyBlob/],
    ['unsupported', /400 UnsupportedHeader/],
  ] as const) {
    refusing(refusal);
    t.match(await copyRange(disk, RANGE, from, {}), { kind: 'refused', isForGood: true, problem }, refusal);
  }
  t.equal(copies().length, 7, 'none is repeated');
  t.ok((await bytesOf(container, 'disk')).equals(Buffer.alloc(4096)));
});

t.test(
  'other bytes than expected, and a range that the source does not have, are refused for this range',
  async (t) => {
    const { disk, from, container } = await rangeScene(t);
    const forThis = { kind: 'refused', isForGood: false } as const;
    const wrong = { ...from, md5: md5Of(Buffer.alloc(1)) };
    t.match(await copyRange(disk, RANGE, wrong, {}), { ...forThis, problem: /400 Md5Mismatch/ });
    t.match(await copyRange(disk, RANGE, { ...from, offset: 8192 }, {}), { ...forThis, problem: /416/ });
    t.ok((await bytesOf(container, 'disk')).equals(Buffer.alloc(4096)));
  },
);

t.test('a server that does not look at the MD5 and copies other bytes is found out', async (t) => {
  const { gate, disk, from } = await rangeScene(t);
  gate.onRequest = (record) => {
    Object.assign(record, { headers: { ...record.headers, 'x-ms-source-content-md5': undefined } });
  };
  const wrong = { ...from, md5: md5Of(Buffer.alloc(1)) };
  t.match(await copyRange(disk, RANGE, wrong, {}), { kind: 'refused', isForGood: true, problem: /other bytes/ });
});

t.test('a base that has changed is an error, however the service says it', async (t) => {
  const { gate, base, disk, from, copies } = await rangeScene(t);
  const changed = { code: 'base-mismatch', message: /\/base was changed/ };
  gate.rangeCopies = {
    tokens: new Set(),
    refuse: () => ({ status: 412, headers: { 'x-ms-error-code': 'ConditionNotMet' } }),
  };
  await t.rejects(copyRange(disk, RANGE, from, {}), changed, 'only the source has a condition');
  gate.rangeCopies = {
    tokens: new Set(),
    refuse: () => ({
      status: 400,
      headers: { 'x-ms-error-code': 'CannotVerifyCopySource', 'x-ms-copy-source-status-code': '412' },
    }),
  };
  await t.rejects(copyRange(disk, RANGE, from, {}), changed, 'the status of the source says it');
  gate.rangeCopies = { tokens: new Set(), refuse: () => undefined };
  await base.setMetadata({ changed: 'yes' });
  await t.rejects(copyRange(disk, RANGE, from, {}), changed, 'it really has');
  t.equal(copies().length, 3);
});

t.test('what is wrong at the destination is the error that a write would be', async (t) => {
  const { gate, container, disk, from, bytes } = await rangeScene(t);
  const page = Buffer.from(bytes);
  const same = async (what: string, code: string, conditions = {}) => {
    const of = (request: Promise<unknown>) =>
      request.then(
        () => 'done',
        (error: { code: string }) => error.code,
      );
    t.equal(await of(disk.write(1024, page, from.md5, conditions)), code, `${what}: written`);
    t.equal(await of(copyRange(disk, RANGE, from, conditions)), code, `${what}: copied`);
  };
  await same('an ETag that it does not have', 'unexpected', { ifMatch: '"0x0"' });
  await same('a lease that is lost', 'lease-lost', { leaseId: '6d0d4a2e-0000-4000-8000-000000000000' });
  const direct = container.getPageBlobClient('disk');
  const lease = direct.getBlobLeaseClient();
  await lease.acquireLease(15);
  await same('the lease of another', 'destination-busy');
  await lease.releaseLease();
  gate.faults = () => 'expired-sas';
  await same('a credential that has ended', 'not-authorised');
  gate.faults = () => undefined;
  const pending = { status: 409, headers: { 'x-ms-error-code': 'PendingCopyOperation' } };
  gate.onRequest = ({ kind }) => (kind === 'put-page' || kind === 'copy-range' ? pending : undefined);
  await same('a copy to it', 'destination-busy');
  const immutable = { status: 409, headers: { 'x-ms-error-code': 'BlobImmutableDueToPolicy' } };
  gate.onRequest = ({ kind }) => (kind === 'put-page' || kind === 'copy-range' ? immutable : undefined);
  await same('a policy', 'unexpected');
  gate.onRequest = () => undefined;
  await direct.delete();
  await same('it is gone', 'destination-missing');
});

t.test('what passes is repeated: a busy service, a busy source, an answer that is lost', async (t) => {
  const { gate, container, disk, from, bytes, copies } = await rangeScene(t);
  for (const fault of ['server-busy', 'operation-timed-out', 'answer-lost', 'reset-after-body'] as const) {
    gate.records = [];
    gate.faults = atNth('copy-range', 1, fault);
    t.strictSame(await copyRange(disk, RANGE, from, {}), { kind: 'copied' }, fault);
    t.equal(copies().length, 2, fault);
  }
  for (const refusal of ['busy', 'slow'] as const) {
    gate.records = [];
    gate.faults = () => undefined;
    const isFirst = (record: GateRecord) => copies().indexOf(record) === 0;
    gate.rangeCopies = { tokens: new Set(), refuse: (record) => (isFirst(record) ? refusal : undefined) };
    t.strictSame(await copyRange(disk, RANGE, from, {}), { kind: 'copied' }, refusal);
    t.equal(copies().length, 2, refusal);
  }
  t.ok((await bytesOf(container, 'disk')).subarray(1024, 2048).equals(bytes));
});

t.test('a source that stays unreadable is a refusal, a service that stays busy an error', async (t) => {
  const { gate, disk, from, refusing, copies } = await rangeScene(t);
  refusing('slow');
  t.match(await copyRange(disk, RANGE, from, {}), { kind: 'refused', isForGood: true, problem: /500/ });
  t.equal(copies().length, 4);
  gate.faults = () => 'server-busy';
  await t.rejects(copyRange(disk, RANGE, from, {}), { code: 'transfer-failed' });
});

t.test('a source is read with its SAS, or with one for it alone that the key makes; no log has either', async (t) => {
  const { gate, container, disk, from, copies } = await rangeScene(t);
  const signatureOf = (record: GateRecord | undefined) =>
    new URL(String(record?.headers['x-ms-copy-source'])).searchParams;
  await copyRange(disk, RANGE, from, {});
  const made = signatureOf(copies()[0]);
  t.match(Object.fromEntries(made), { sp: 'r', sr: 'b', sv: '2021-12-02', spr: 'https,http' });
  const { sas } = await sasFor(container, 60);
  const log: RequestRecord[] = [];
  const at = async (uri: string) => {
    const location = parseBlobUri(uri);
    const credentials = await credentialsFor(location, gate.env, { onRequest: (record) => log.push(record) });
    return new PageBlob(location, credentials, disk.retrier);
  };
  const given = await at(`${from.blob.uri}?${sas}`);
  t.strictSame(await copyRange(await at(disk.uri), RANGE, { ...from, blob: given }, {}), { kind: 'copied' });
  t.equal(signatureOf(copies()[1]).get('sig'), new URLSearchParams(sas).get('sig'));

  const secret = made.get('sig') ?? '';
  gate.rangeCopies = {
    tokens: new Set(),
    // A server that repeats the request in its answer.
    refuse: ({ headers }) => ({
      status: 403,
      headers: { 'x-ms-error-code': 'CannotVerifyCopySource', 'content-type': 'application/xml' },
      body: `<?xml version="1.0" encoding="utf-8"?><Error><Code>CannotVerifyCopySource</Code><Message>${encodeURIComponent(String(headers['x-ms-copy-source']))}</Message></Error>`,
    }),
  };
  const refused = await copyRange(await at(disk.uri), RANGE, from, {});
  t.match(refused, { kind: 'refused', problem: /403.*REDACTED/ });
  const shown = JSON.stringify([refused, log]);
  for (const each of [secret, encodeURIComponent(secret), encodeURIComponent(encodeURIComponent(secret))])
    t.notOk(shown.includes(each), each);
  t.ok(log.some(({ range }) => range === 'bytes=1024-2047'));
});

t.test('a snapshot is a source too', async (t) => {
  const { base, disk, from, copies } = await rangeScene(t);
  const { snapshot = '', etag = '' } = await base.createSnapshot();
  await base.clearPages(0, 4096);
  const source = { ...from, blob: from.blob.atSnapshot(snapshot), etag };
  t.strictSame(await copyRange(disk, RANGE, source, {}), { kind: 'copied' });
  t.match(copies()[0]?.headers['x-ms-copy-source'], /snapshot=.*sr=bs/);
});

/** A blob of the service whose requests go to `answer`. */
async function servedBlob(
  url: string,
  answer: (request: WebResource) => { status: number; headers?: Record<string, string> },
  token?: CachedToken,
): Promise<PageBlob> {
  const httpClient: IHttpClient = {
    sendRequest: (request) => {
      const { status, headers = {} } = answer(request);
      return Promise.resolve({ request, status, headers: { toJson: () => headers } as never, bodyAsText: '' });
    },
  };
  const pipeline = newPipeline(new AnonymousCredential(), { httpClient, retryOptions: { maxTries: 1 } });
  const location = parseBlobUri(url);
  const { limits } = await credentialsFor(parseBlobUri('https://acct.blob.core.windows.net/vhds/b?sig=c2VjcmV0'), {});
  const credentials: Credentials = {
    ...{ pipeline, limits, source: 'a test', sas: undefined },
    ...(token ? { kind: 'token', token } : { kind: 'account-key' }),
  };
  const { signal } = new AbortController();
  const stop = { cancel: signal, abort: signal };
  return new PageBlob(
    location,
    credentials,
    new Retrier(stop, AZURE_ERRORS, { policy: { attempts: 1, firstDelayMs: 1, maxDelayMs: 1 } }),
  );
}

const numberedToken = () => {
  let count = 0;
  return new CachedToken({
    getToken: () => Promise.resolve({ token: `token-${++count}`, expiresOnTimestamp: Date.now() + 3_600_000 }),
  });
};

t.test('a source is read with its token, and with a new one if the service does not take it', async (t) => {
  const token = numberedToken();
  const seen: unknown[] = [];
  const disk = await servedBlob('https://acct.blob.core.windows.net/vhds/disk', ({ headers }) => {
    const sent = headers.get('x-ms-copy-source-authorization');
    seen.push([headers.get('x-ms-copy-source'), sent]);
    return sent === 'Bearer token-2'
      ? { status: 201 }
      : {
          status: 403,
          headers: { 'x-ms-error-code': 'CannotVerifyCopySource', 'x-ms-copy-source-status-code': '401' },
        };
  });
  const url = 'https://base.blob.core.windows.net/vhds/base';
  const from = { etag: '"0x1"', offset: 0, md5: md5Of(Buffer.alloc(512)) };
  const blob = await servedBlob(url, () => ({ status: 500 }), token);
  const range = { offset: 0, length: 512 };
  t.strictSame(await copyRange(disk, range, { ...from, blob }, {}), { kind: 'copied' });
  t.strictSame(await copyRange(disk, range, { ...from, blob }, {}), { kind: 'copied' });
  t.strictSame(seen, [
    [url, 'Bearer token-1'],
    [url, 'Bearer token-2'],
    [url, 'Bearer token-2'],
  ]);
  token.refuse('Bearer token-2', undefined);
  t.match(await copyRange(disk, range, { ...from, blob }, {}), { kind: 'refused', isForGood: true });
  t.equal(seen.length, 5, 'a new token is tried once');
});

t.test('a token is sent only to the service, over https, and no secret of https over plain http', async (t) => {
  const sent: string[] = [];
  const log = ({ url }: WebResource) => {
    sent.push(url);
    return { status: 201 };
  };
  const from = { etag: '"0x1"', offset: 0, md5: md5Of(Buffer.alloc(512)) };
  for (const [destination, base, withToken] of [
    ['https://disks.example.com/vhds/disk', 'https://base.blob.core.windows.net/vhds/base', true],
    ['https://acct.blob.core.windows.net/vhds/disk', 'https://disks.example.com/vhds/base', true],
    ['https://acct.blob.core.windows.net/vhds/disk', 'http://base.blob.core.windows.net/vhds/base', true],
    ['http://127.0.0.1:9/acct/vhds/disk', 'https://base.blob.core.windows.net/vhds/base', false],
  ] as const) {
    const token = withToken ? numberedToken() : undefined;
    const disk = await servedBlob(destination, log);
    const blob = await servedBlob(base, log, token);
    const copied = await copyRange(disk, { offset: 0, length: 512 }, { ...from, blob }, {});
    t.match(copied, { kind: 'refused', isForGood: true, problem: /the credential of the base is/ }, destination);
  }
  t.strictSame(sent, []);
});
