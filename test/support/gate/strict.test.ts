import { createHash } from 'node:crypto';
import t from 'tap';
import { crc64 } from './crc64.js';
import { gateScene, refusalOf } from './scene.js';

const MIB = 1024 * 1024;
const page = Buffer.alloc(512, 7);

t.test('CRC-64/NVME has its check value', (t) => {
  t.equal(Buffer.from(crc64(Buffer.from('123456789')), 'base64').readBigUInt64LE(), 0xae8b14860a799888n);
  t.end();
});

t.test('what the service refuses is refused, with its status and code, and changes nothing', async (t) => {
  const { gate, blob, container } = await gateScene(t);
  await blob.resize(12 * MIB);
  const { etag } = await container.getBlobClient('disk').getProperties();
  const md5 = createHash('md5').update('other').digest();
  for (const [what, request, expected] of [
    [
      'more than 4 MiB',
      () => blob.uploadPages(Buffer.alloc(4 * MIB + 512), 0, 4 * MIB + 512),
      { status: 413, code: 'RequestBodyTooLarge' },
    ],
    [
      'past the end',
      () => blob.uploadPages(Buffer.alloc(1024), 12 * MIB - 512, 1024),
      { status: 416, code: 'InvalidPageRange' },
    ],
    ['clearing past the end', () => blob.clearPages(12 * MIB - 512, 1024), { status: 416, code: 'InvalidPageRange' }],
    [
      'the MD5 of other bytes',
      () => blob.uploadPages(page, 0, 512, { transactionalContentMD5: md5 }),
      { status: 400, code: 'Md5Mismatch' },
    ],
    [
      'the CRC of other bytes',
      () => blob.uploadPages(page, 0, 512, { transactionalContentCrc64: Buffer.alloc(8) }),
      { status: 400, code: 'Crc64Mismatch' },
    ],
    ['an offset within a page', () => blob.uploadPages(page, 100, 512), { status: 416, code: 'InvalidPageRange' }],
    [
      'a length of no whole pages',
      () => blob.uploadPages(page.subarray(0, 100), 0, 100),
      { status: 416, code: 'InvalidPageRange' },
    ],
    ['clearing within a page', () => blob.clearPages(0, 100), { status: 416, code: 'InvalidPageRange' }],
    ['a size of no whole pages', () => blob.resize(1000), { status: 400, code: 'InvalidHeaderValue' }],
    ['a new blob of no whole pages', () => blob.create(1000), { status: 400, code: 'InvalidHeaderValue' }],
    [
      'a new blob of more than 8 TiB',
      () => blob.create(8 * 1024 ** 4 + 512),
      { status: 400, code: 'InvalidHeaderValue' },
    ],
    [
      'an ETag that is no longer its',
      () => blob.uploadPages(page, 0, 512, { conditions: { ifMatch: '"0x1"' } }),
      { status: 412, code: 'ConditionNotMet' },
    ],
    [
      'a new blob where there must be none',
      () => blob.create(512, { conditions: { ifNoneMatch: '*' } }),
      { status: 409, code: 'BlobAlreadyExists' },
    ],
  ] as const) {
    t.strictSame(await refusalOf(request()), expected, what);
  }
  t.equal((await container.getBlobClient('disk').getProperties()).etag, etag);
  const range = { 'x-ms-range': 'bytes=0-1023' };
  gate.onRequest = (record) => {
    Object.assign(record, { range: { offset: 0, length: 1024 }, headers: { ...record.headers, ...range } });
  };
  t.strictSame(
    await refusalOf(blob.uploadPages(page, 0, 512)),
    { status: 400, code: 'InvalidHeaderValue' },
    'Content-Length is not that of the range',
  );
});

t.test('what is right passes: 4 MiB up to the end, the MD5 and the CRC of the bytes', async (t) => {
  const { blob, container } = await gateScene(t);
  await blob.resize(4 * MIB + 512);
  const bytes = Buffer.alloc(4 * MIB, 3);
  await blob.uploadPages(bytes, 512, bytes.length, {
    transactionalContentMD5: createHash('md5').update(bytes).digest(),
  });
  await blob.uploadPages(page, 0, 512, { transactionalContentCrc64: Buffer.from(crc64(page), 'base64') });
  t.ok((await container.getBlobClient('disk').downloadToBuffer()).equals(Buffer.concat([page, bytes])));
});

t.test(
  'a leased blob is written to with its lease id only, and copied onto not at all while the lease is finite',
  async (t) => {
    const { blob, through } = await gateScene(t);
    const source = through.getPageBlobClient('source');
    await source.create(1024);
    const lease = blob.getBlobLeaseClient();
    const copied = async (leaseId?: string) =>
      refusalOf(blob.beginCopyFromURL(source.url, leaseId === undefined ? {} : { conditions: { leaseId } }));
    const { leaseId = '' } = await lease.acquireLease(15);
    const missing = { status: 412, code: 'LeaseIdMissing' };
    for (const request of [
      () => blob.uploadPages(page, 0, 512),
      () => blob.clearPages(0, 512),
      () => blob.resize(4096),
      () => blob.setMetadata({}),
      () => blob.setHTTPHeaders({}),
      () => blob.create(512),
      () => blob.delete(),
    ]) {
      t.strictSame(await refusalOf(request()), missing, String(request));
    }
    await blob.uploadPages(page, 0, 512, { conditions: { leaseId } });
    t.strictSame(await copied(), missing);
    t.strictSame(await copied(leaseId), { status: 412, code: 'InfiniteLeaseDurationRequired' });
    await lease.releaseLease();
    await lease.acquireLease(-1);
    t.strictSame(await copied(), missing);
    t.equal(await copied(leaseId), undefined, 'an infinite one may stay');
  },
);

t.test('a gate that is told not to be strict lets pass what Azurite does', async (t) => {
  const { gate, blob } = await gateScene(t);
  gate.isStrict = false;
  t.equal(await refusalOf(blob.uploadPages(page, 0, 512, { transactionalContentMD5: Buffer.alloc(16) })), undefined);
});
