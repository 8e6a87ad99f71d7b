import { createHash, randomBytes } from 'node:crypto';
import { AnonymousCredential, BlobSASPermissions, PageBlobClient } from '@azure/storage-blob';
import t, { type Test } from 'tap';
import { SOURCE_REFUSALS, type SourceRefusal } from './from-url.js';
import { crc64 } from './crc64.js';
import { gateScene, refusalOf } from './scene.js';

const MIB = 1024 * 1024;
const md5Of = (bytes: Uint8Array) => createHash('md5').update(bytes).digest();

async function copyScene(t: Test, copiesRanges = true) {
  const scene = await gateScene(t, { copiesRanges });
  const content = randomBytes(4096);
  const direct = scene.container.getPageBlobClient('source');
  await direct.create(4096);
  await direct.uploadPages(content, 0, 4096);
  const source = scene.through.getPageBlobClient('source');
  const urlFor = (permissions: string) =>
    source.generateSasUrl({
      permissions: BlobSASPermissions.parse(permissions),
      expiresOn: new Date(Date.now() + 3_600_000),
      version: '2021-12-02',
    });
  return { ...scene, content, direct, source, urlFor, url: await urlFor('r') };
}

t.test('a range is copied behind the gate, and the answer has what that of the service has', async (t) => {
  const { gate, blob, container, content, url } = await copyScene(t);
  const bytes = content.subarray(512, 1536);
  const answer = await blob.uploadPagesFromURL(url, 512, 1024, 1024, { sourceContentMD5: md5Of(bytes) });
  t.equal(answer._response.status, 201);
  t.ok(Buffer.from(answer.contentMD5 ?? []).equals(md5Of(bytes)));
  t.match(await container.getBlobClient('disk').getProperties(), {
    etag: answer.etag,
    lastModified: answer.lastModified,
  });
  t.ok((await container.getBlobClient('disk').downloadToBuffer(1024, 1024)).equals(bytes));
  t.match(gate.records, [{ kind: 'copy-range', range: { offset: 1024, length: 1024 }, bodyLength: 0, status: 201 }]);
  await blob.uploadPagesFromURL(url, 0, 0, 512, {
    sourceContentCrc64: Buffer.from(crc64(content.subarray(0, 512)), 'base64'),
  });
});

t.test('a gate without it leaves the answer to Azurite', async (t) => {
  const { blob, url } = await copyScene(t, false);
  t.match(await refusalOf(blob.uploadPagesFromURL(url, 0, 0, 512)), { status: 501 });
});

t.test('what the service refuses is refused, and changes nothing', async (t) => {
  const { blob, container, direct, url, source, urlFor } = await copyScene(t);
  await blob.resize(12 * MIB);
  const { etag } = await container.getBlobClient('disk').getProperties();
  const unread = (status: number) => ({ status, code: 'CannotVerifyCopySource' });
  const missing = url.replace('/source?', '/missing?');
  const outside = 'https://acct.blob.core.windows.net/vhds/source';
  for (const [what, request, expected] of [
    [
      'more than 4 MiB',
      () => blob.uploadPagesFromURL(url, 0, 0, 4 * MIB + 512),
      { status: 416, code: 'InvalidPageRange' },
    ],
    [
      'an offset within a page',
      () => blob.uploadPagesFromURL(url, 0, 100, 512),
      { status: 416, code: 'InvalidPageRange' },
    ],
    ['past the end', () => blob.uploadPagesFromURL(url, 0, 12 * MIB, 512), { status: 416, code: 'InvalidPageRange' }],
    [
      'within a page of the source',
      () => blob.uploadPagesFromURL(url, 100, 0, 512),
      { status: 400, code: 'InvalidHeaderValue' },
    ],
    ['past the end of the source', () => blob.uploadPagesFromURL(url, 3584, 0, 1024), unread(416)],
    [
      'the MD5 of other bytes',
      () => blob.uploadPagesFromURL(url, 0, 0, 512, { sourceContentMD5: md5Of(Buffer.alloc(1)) }),
      { status: 400, code: 'Md5Mismatch' },
    ],
    [
      'the CRC of other bytes',
      () => blob.uploadPagesFromURL(url, 0, 0, 512, { sourceContentCrc64: Buffer.alloc(8) }),
      { status: 400, code: 'Crc64Mismatch' },
    ],
    [
      'an ETag that the source does not have',
      () => blob.uploadPagesFromURL(url, 0, 0, 512, { sourceConditions: { ifMatch: '"0x1"' } }),
      { status: 412, code: 'SourceConditionNotMet' },
    ],
    [
      'an ETag that the destination does not have',
      () => blob.uploadPagesFromURL(url, 0, 0, 512, { conditions: { ifMatch: '"0x1"' } }),
      { status: 412, code: 'ConditionNotMet' },
    ],
    ['a SAS without reading', async () => blob.uploadPagesFromURL(await urlFor('w'), 0, 0, 512), unread(403)],
    ['a SAS of another blob', () => blob.uploadPagesFromURL(missing, 0, 0, 512), unread(403)],
    ['a host that it does not know', () => blob.uploadPagesFromURL(outside, 0, 0, 512), unread(404)],
    [
      'a token that it does not know',
      () => blob.uploadPagesFromURL(source.url, 0, 0, 512, { sourceAuthorization: { scheme: 'Bearer', value: 'no' } }),
      unread(401),
    ],
  ] as const)
    t.match(await refusalOf(request()), expected, what);
  t.match(
    await refusalOf(blob.uploadPagesFromURL(source.url, 0, 0, 512)),
    { code: 'CannotVerifyCopySource' },
    'private',
  );
  t.match(
    await refusalOf(new PageBlobClient(blob.url, new AnonymousCredential()).uploadPagesFromURL(url, 0, 0, 512)),
    { status: 403 },
    'the writer',
  );
  t.equal((await container.getBlobClient('disk').getProperties()).etag, etag);
  await direct.delete();
  t.match(await refusalOf(blob.uploadPagesFromURL(url, 0, 0, 512)), unread(404));
});

t.test('a leased blob is copied to with its lease id only', async (t) => {
  const { blob, url } = await copyScene(t);
  const { leaseId = '' } = await blob.getBlobLeaseClient().acquireLease(15);
  t.strictSame(await refusalOf(blob.uploadPagesFromURL(url, 0, 0, 512)), { status: 412, code: 'LeaseIdMissing' });
  t.equal(await refusalOf(blob.uploadPagesFromURL(url, 0, 0, 512, { conditions: { leaseId } })), undefined);
});

t.test('a known token reads every blob, a snapshot too', async (t) => {
  const { gate, blob, container, content, direct, source } = await copyScene(t);
  gate.rangeCopies = { tokens: new Set(['Bearer yes']), refuse: () => undefined };
  const { snapshot = '' } = await direct.createSnapshot();
  await direct.clearPages(0, 4096);
  const sourceAuthorization = { scheme: 'Bearer', value: 'yes' };
  await blob.uploadPagesFromURL(source.withSnapshot(snapshot).url, 0, 0, 512, { sourceAuthorization });
  t.ok((await container.getBlobClient('disk').downloadToBuffer(0, 512)).equals(content.subarray(0, 512)));
});

t.test('by script the source is refused, and nothing is written', async (t) => {
  const { gate, blob, container, url } = await copyScene(t);
  const { etag } = await container.getBlobClient('disk').getProperties();
  for (const [name, { status, headers }] of Object.entries(SOURCE_REFUSALS)) {
    gate.rangeCopies = { tokens: new Set(), refuse: () => name as SourceRefusal };
    t.strictSame(
      await refusalOf(blob.uploadPagesFromURL(url, 0, 0, 512)),
      { status, code: headers?.['x-ms-error-code'] },
      name,
    );
  }
  t.equal((await container.getBlobClient('disk').getProperties()).etag, etag);
});
