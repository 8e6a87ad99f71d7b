import type { PageBlobClient } from '@azure/storage-blob';
import t, { type Test } from 'tap';
import { gateScene, refusalOf, type GateScene } from './scene.js';

async function copyScene(t: Test): Promise<GateScene & { source: PageBlobClient; begun: () => Promise<string> }> {
  const scene = await gateScene(t);
  const source = scene.through.getPageBlobClient('source');
  await source.create(4096);
  await source.uploadPages(Buffer.alloc(4096, 5), 0, 4096);
  const begun = async () => {
    const poller = await scene.blob.beginCopyFromURL(source.url, { metadata: { mine: 'yes' } });
    const { copyId = '', isCompleted = false } = poller.getOperationState() as {
      copyId?: string;
      isCompleted?: boolean;
    };
    t.notOk(isCompleted);
    return copyId;
  };
  return { ...scene, source, begun };
}

t.test('a copy is pending for as many looks as it was told, and refuses writes meanwhile', async (t) => {
  const { gate, blob, begun } = await copyScene(t);
  gate.copies = { polls: 2, end: 'success' };
  const id = await begun();
  const pending = { status: 409, code: 'PendingCopyOperation' };
  for (const request of [
    () => blob.uploadPages(Buffer.alloc(512), 0, 512),
    () => blob.clearPages(0, 512),
    () => blob.create(512),
    () => blob.setMetadata({}),
    () => blob.setHTTPHeaders({}),
    () => blob.resize(512),
    () => blob.delete(),
    () => blob.getBlobLeaseClient().acquireLease(15),
    () => blob.beginCopyFromURL(blob.url),
  ])
    t.strictSame(await refusalOf(request()), pending, String(request));
  t.match(await blob.getProperties(), { copyStatus: 'pending', copyProgress: '1024/4096', copyId: id });
  t.match(await blob.getProperties(), { copyStatus: 'pending' });
  t.match(await blob.getProperties(), { copyStatus: 'success', copyProgress: '4096/4096', contentLength: 4096 });
  await blob.uploadPages(Buffer.alloc(512), 0, 512);
  t.strictSame(await refusalOf(blob.abortCopyFromURL(id)), { status: 409, code: 'NoPendingCopyOperation' });
});

t.test('a copy that fails leaves a blob of length zero with its metadata', async (t) => {
  const { gate, blob, begun, container } = await copyScene(t);
  gate.copies = { polls: 1, end: 'failed' };
  await begun();
  await blob.getProperties();
  t.match(await blob.getProperties(), {
    copyStatus: 'failed',
    copyStatusDescription: /500/,
    contentLength: 0,
    metadata: { mine: 'yes' },
  });
  t.match(await container.getBlobClient('disk').getProperties(), {
    contentLength: 0,
    etag: (await blob.getProperties()).etag,
  });
});

t.test('a source that changes during the copy fails it', async (t) => {
  const { gate, blob, begun, source } = await copyScene(t);
  gate.copies = { polls: 1, end: 'success' };
  await begun();
  await source.uploadPages(Buffer.alloc(512), 0, 512);
  await blob.getProperties();
  t.match(await blob.getProperties(), { copyStatus: 'failed', copyStatusDescription: /412/ });
});

t.test('a pending copy can be aborted, by its id; then the blob may be made again', async (t) => {
  const { gate, blob, begun } = await copyScene(t);
  gate.copies = { polls: Infinity, end: 'success' };
  const id = await begun();
  t.strictSame(await refusalOf(blob.abortCopyFromURL('another')), { status: 409, code: 'CopyIdMismatch' });
  t.equal((await blob.abortCopyFromURL(id))._response.status, 204);
  t.match(await blob.getProperties(), { copyStatus: 'aborted', contentLength: 0, metadata: { mine: 'yes' } });
  await blob.create(512);
  t.equal((await blob.getProperties()).copyStatus, undefined);
});
