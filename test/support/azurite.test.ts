import t from 'tap';
import { startAzurite } from './azurite.js';
import { bytesOf, containerOf } from './blobs.js';

for (const repair of [true, false]) {
  t.test(repair ? 'with the repair a write to a copy leaves its source as it was' : 'without the repair it does not: the tests need it', async (t) => {
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
  });
}
