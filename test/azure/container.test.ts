import t from 'tap';
import { azureScene } from '../support/azure-scene.js';

t.test('only page blobs are listed, with size, metadata and whether they have Content-MD5', async (t) => {
  const { container: direct, blobAt } = await azureScene(t);
  const { container } = await blobAt('any');
  t.strictSame(await container.pageBlobs(), []);
  await direct.getPageBlobClient('a b').create(1024, { metadata: { key: 'value' } });
  await direct.getPageBlobClient('a b').createSnapshot();
  await direct.getPageBlobClient('summed').create(512, { blobHTTPHeaders: { blobContentMD5: Buffer.alloc(16, 1) } });
  await direct.getBlockBlobClient('text').upload('x', 1);
  t.strictSame(await container.pageBlobs(), [
    { name: 'a b', size: 1024, metadata: { key: 'value' }, hasContentMd5: false },
    { name: 'summed', size: 512, metadata: {}, hasContentMd5: true },
  ]);
});

t.test('snapshots are deleted by a value of their metadata: neither others nor those of a longer name', async (t) => {
  const { container: direct, gate, blobAt } = await azureScene(t);
  const snapshots = async () => {
    const found: string[] = [];
    for await (const { name, snapshot, metadata } of direct.listBlobsFlat({
      includeSnapshots: true,
      includeMetadata: true,
    }))
      found.push(`${name} ${snapshot ? (metadata?.['mark'] ?? 'unmarked') : 'itself'}`);
    return found.sort();
  };
  for (const name of ['disk', 'disk2']) {
    const blob = direct.getPageBlobClient(name);
    await blob.create(512);
    for (const mark of ['mine', 'other']) await blob.createSnapshot({ metadata: { mark } });
    await blob.createSnapshot();
  }
  const { blob, container } = await blobAt('disk');
  await container.deleteSnapshots(blob, 'mark', 'mine');
  t.equal(gate.records.filter(({ kind }) => kind === 'delete').length, 1);
  t.strictSame(
    await snapshots(),
    [
      'disk itself',
      'disk other',
      'disk unmarked',
      'disk2 itself',
      'disk2 mine',
      'disk2 other',
      'disk2 unmarked',
    ].sort(),
  );
});
