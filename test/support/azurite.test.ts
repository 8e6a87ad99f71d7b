import t from 'tap';
import { startAzurite } from './azurite.js';
import { bytesOf, containerOf } from './blobs.js';

for (const repair of [true, false]) {
  t.test(
    repair
      ? 'with the repair a write to a copy leaves its source as it was'
      : 'without the repair it does not: the tests need it',
    async (t) => {
      const azurite = await startAzurite({ repair });
      t.teardown(() => azurite.stop());
      const container = await containerOf(azurite, 'vhds');
      const source = container.getPageBlobClient('source');
      await source.create(4096);
      await source.uploadPages(Buffer.alloc(4096, 1), 0, 4096);
      const copy = container.getPageBlobClient('copy');
      await (await copy.beginCopyFromURL(source.url)).pollUntilDone();
      await copy.uploadPages(Buffer.alloc(512, 2), 1024, 512);
      await copy.clearPages(2048, 512);
      const isIntact = (await bytesOf(container, 'source')).equals(Buffer.alloc(4096, 1));
      t.equal(isIntact, repair);
    },
  );
}

t.test('a lease that has run out is renewed under its own id, and under no other', async (t) => {
  const azurite = await startAzurite();
  t.teardown(() => azurite.stop());
  const blob = (await containerOf(azurite, 'vhds', { maxTries: 1 })).getPageBlobClient('blob');
  await blob.create(512);
  const lease = blob.getBlobLeaseClient();
  await lease.acquireLease(15);
  azurite.expireLease('vhds', 'blob');
  await t.rejects(blob.getBlobLeaseClient().renewLease(), {
    statusCode: 409,
    code: 'LeaseIdMismatchWithLeaseOperation',
  });
  await t.resolves(lease.renewLease());
});
