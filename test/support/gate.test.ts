import { PageBlobClient } from '@azure/storage-blob';
import t, { type Test } from 'tap';
import { startAzurite, type Azurite } from './azurite.js';
import { bytesOf, containerOf, factsOf } from './blobs.js';
import { startGate, type Gate } from './gate.js';

async function scene(t: Test): Promise<{ azurite: Azurite; gate: Gate }> {
  const azurite = await startAzurite();
  t.teardown(() => azurite.stop());
  const gate = await startGate(azurite);
  t.teardown(() => gate.stop());
  return { azurite, gate };
}

t.test('the gate names every kind of request, with its range, body and status', async (t) => {
  const { azurite, gate } = await scene(t);
  await containerOf(azurite, 'vhds');
  const container = await containerOf(gate, 'vhds');
  gate.records = [];
  const blob = container.getPageBlobClient('disk');
  await blob.create(8192);
  await blob.uploadPages(Buffer.alloc(1024, 1), 512, 1024);
  await blob.clearPages(1024, 512);
  await blob.setMetadata({ a: 'b' });
  await blob.setHTTPHeaders({ blobContentType: 'x/y' });
  await blob.resize(4096);
  await blob.getProperties();
  for await (const range of blob.listPageRanges()) t.equal(range.start, 512);
  await blob.download(512, 512);
  const { snapshot = '' } = await blob.createSnapshot();
  await blob.withSnapshot(snapshot).delete();
  await (await container.getPageBlobClient('copy').beginCopyFromURL(`${azurite.url}/vhds/disk`)).pollUntilDone();
  const lease = blob.getBlobLeaseClient();
  await lease.acquireLease(15);
  await lease.releaseLease();
  for await (const item of container.listBlobsFlat()) t.ok(item.name);
  const kinds = gate.records.map(({ kind }) => kind);
  t.strictSame(kinds.slice(0, 12), [
    'create',
    'put-page',
    'clear-pages',
    'metadata',
    'headers',
    'resize',
    'properties',
    'page-ranges',
    'read',
    'snapshot',
    'delete',
    'copy',
  ]);
  t.strictSame(
    kinds.filter((kind) => kind === 'lease' || kind === 'list'),
    ['lease', 'lease', 'list'],
  );
  t.match(gate.records[1], { method: 'PUT', range: { offset: 512, length: 1024 }, bodyLength: 1024, status: 201 });
  t.match(gate.records[2], { range: { offset: 1024, length: 512 }, bodyLength: 0, status: 201 });
  t.match(gate.records[8], { range: { offset: 512, length: 512 }, status: 206 });
});

t.test('a request dropped before it is passed on is not applied; one dropped after it is', async (t) => {
  const { azurite, gate } = await scene(t);
  const container = await containerOf(azurite, 'vhds');
  const blob = container.getPageBlobClient('disk');
  await blob.create(1024);
  const { url, credential } = (await containerOf(gate, 'vhds')).getPageBlobClient('disk');
  const through = new PageBlobClient(url, credential, { retryOptions: { maxTries: 1 } });
  for (const { hook, expected } of [
    { hook: 'onRequest', expected: 0 },
    { hook: 'onAnswer', expected: 7 },
  ] as const) {
    gate[hook] = ({ kind }) => (kind === 'put-page' ? 'drop' : undefined);
    await t.rejects(through.uploadPages(Buffer.alloc(512, 7), 0, 512), { name: 'RestError' }, hook);
    await gate.idle();
    t.equal((await bytesOf(container, 'disk'))[0], expected, hook);
    gate[hook] = () => undefined;
  }
});

t.test('an answer of the gate itself keeps the request from the server', async (t) => {
  const { azurite, gate } = await scene(t);
  const container = await containerOf(azurite, 'vhds');
  const through = await containerOf(gate, 'vhds');
  gate.onRequest = ({ kind }) =>
    kind === 'create' ? { status: 403, headers: { 'x-ms-error-code': 'AuthorizationFailure' } } : undefined;
  const refusal: unknown = await through
    .getPageBlobClient('disk')
    .create(512)
    .catch((error: unknown) => error);
  t.match(refusal, { statusCode: 403 });
  t.equal(gate.records.at(-1)?.status, 403);
  t.equal(await factsOf(container, 'disk'), undefined);
});

t.test('the gate hides the emulator only when it is told to', async (t) => {
  const { gate } = await scene(t);
  const container = await containerOf(gate, 'vhds');
  const server = async (): Promise<string | undefined> =>
    (await container.getProperties())._response.headers.get('server');
  t.match(await server(), /^Azurite-Blob\//);
  gate.hidesEmulator = true;
  t.equal(await server(), undefined);
});
