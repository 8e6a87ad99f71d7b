import t from 'tap';
import { azureScene } from '../support/azure-scene.js';

t.test('only page blobs are listed, with size, metadata, Content-MD5, time and protection', async (t) => {
  const { container: direct, blobAt } = await azureScene(t);
  const { container } = await blobAt('any');
  t.strictSame(await container.pageBlobs(), []);
  await direct.getPageBlobClient('a b').create(1024, { metadata: { key: 'value' } });
  await direct.getPageBlobClient('a b').createSnapshot();
  await direct.getPageBlobClient('summed').create(512, { blobHTTPHeaders: { blobContentMD5: Buffer.alloc(16, 1) } });
  await direct.getBlockBlobClient('text').upload('x', 1);
  await direct.getBlobClient('summed').getBlobLeaseClient().acquireLease(-1);
  await direct.getBlobClient('a b').getBlobLeaseClient().acquireLease(60);
  const modified = async (name: string) => (await direct.getBlobClient(name).getProperties()).lastModified;
  const same = { type: 'PageBlob', copy: undefined };
  t.strictSame(await container.pageBlobs(), [
    {
      ...same,
      name: 'a b',
      size: 1024,
      metadata: { key: 'value' },
      contentMd5: undefined,
      lastModified: await modified('a b'),
      protection: undefined,
    },
    {
      ...same,
      name: 'summed',
      size: 512,
      metadata: {},
      contentMd5: Buffer.alloc(16, 1),
      lastModified: await modified('summed'),
      protection: 'an infinite lease',
    },
  ]);
  t.strictSame(await container.blobsWithPrefix('te'), [{ name: 'text', metadata: {} }], 'these are of any type');
});

t.test('a listing says what the service has to say of policies, legal holds and copies', async (t) => {
  const { gate, blobAt } = await azureScene(t);
  const { container } = await blobAt('any');
  const item = (name: string, properties: string) =>
    `<Blob><Name>${name}</Name><Properties><Last-Modified>Tue, 01 Dec 2026 00:00:00 GMT</Last-Modified><Etag>e</Etag><Content-Length>512</Content-Length><BlobType>PageBlob</BlobType>${properties}</Properties></Blob>`;
  const body = `<?xml version="1.0" encoding="utf-8"?><EnumerationResults ServiceEndpoint="http://a/" ContainerName="vhds"><Blobs>${[
    item('held', '<LegalHold>true</LegalHold>'),
    item(
      'kept',
      `<ImmutabilityPolicyUntilDate>Fri, 01 Jan 2100 00:00:00 GMT</ImmutabilityPolicyUntilDate><ImmutabilityPolicyMode>unlocked</ImmutabilityPolicyMode>`,
    ),
    item(
      'over',
      `<ImmutabilityPolicyUntilDate>Sat, 01 Jan 2000 00:00:00 GMT</ImmutabilityPolicyUntilDate><ImmutabilityPolicyMode>unlocked</ImmutabilityPolicyMode>`,
    ),
    item('copied', '<CopyId>c</CopyId><CopyStatus>pending</CopyStatus>'),
  ].join('')}</Blobs><NextMarker/></EnumerationResults>`;
  gate.onRequest = ({ kind }) =>
    kind === 'list' ? { status: 200, headers: { 'content-type': 'application/xml' }, body } : undefined;
  t.match(await container.pageBlobs(), [
    { name: 'held', protection: 'a legal hold' },
    { name: 'kept', protection: 'an immutability policy until 2100-01-01T00:00:00.000Z' },
    { name: 'over', protection: undefined },
    { name: 'copied', copy: { status: 'pending' } },
  ]);
  const { url = '' } = gate.records.at(-1) ?? {};
  t.match(new URL(url, 'http://gate').searchParams.get('include'), /copy.*metadata.*immutabilitypolicy.*legalhold/);
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
