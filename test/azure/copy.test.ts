import t from 'tap';
import { abortCopy, startCopy, waitForCopy } from '../../src/azure/copy.js';
import { azureScene } from '../support/azure-scene.js';
import { bytesOf } from '../support/blobs.js';

/** A source of one page, and a destination to copy it to. */
async function copyScene(t: Parameters<typeof azureScene>[0]) {
  const scene = await azureScene(t);
  const direct = scene.container.getPageBlobClient('source');
  await direct.create(512, { metadata: { of: 'source' } });
  await direct.uploadPages(Buffer.alloc(512, 7), 0, 512);
  const { blob: source } = await scene.blobAt('source');
  const { blob: destination } = await scene.blobAt('copy');
  const { etag = '' } = (await source.properties()) ?? {};
  return { ...scene, destination, source: { uri: source.uri, authorizedUrl: source.authorizedUrl, etag } };
}

t.test('a blob is copied with metadata of its own, if the source is still as it was', async (t) => {
  const { container, source, destination } = await copyScene(t);
  await startCopy(destination, source, { of: 'copy' }, { ifNoneMatch: '*' });
  const progress: unknown[] = [];
  const properties = await waitForCopy(destination, (...bytes) => progress.push(bytes));
  t.match(properties, { copy: { status: 'success' }, metadata: { of: 'copy' }, size: 512 });
  t.strictSame(progress, [[512, 512]]);
  t.ok((await bytesOf(container, 'copy')).equals(Buffer.alloc(512, 7)));
  await abortCopy(destination, properties.copy?.id ?? '');
  await t.rejects(startCopy(destination, source, {}, { ifNoneMatch: '*' }), { code: 'destination-exists' });
  await container.getPageBlobClient('source').setMetadata({ changed: 'yes' });
  await t.rejects(startCopy(destination, source, {}, {}), { message: /cannot copy .*source to it: 412/ });
});

t.test('a copy is waited for with its progress; a stop on request aborts it', async (t) => {
  const { gate, cancel, source, destination } = await copyScene(t);
  gate.copies = { polls: Infinity, end: 'success' };
  await startCopy(destination, source, {}, {});
  const aborts = () => gate.records.filter(({ headers }) => headers['x-ms-copy-action'] === 'abort').length;
  let looks = 0;
  const waiting = waitForCopy(destination, (_, total) => {
    t.equal(total, 512);
    if (++looks === 2) cancel.abort();
  });
  await t.rejects(waiting, { code: 'cancelled' });
  t.equal(looks, 2);
  t.equal(aborts(), 1);
});

t.test('a blob that is deleted while it is copied is no success', async (t) => {
  const { destination } = await copyScene(t);
  await t.rejects(
    waitForCopy(destination, () => undefined),
    { code: 'transfer-failed', message: /deleted while it was copied/, hint: /start again/ },
  );
});
