import { randomBytes, randomUUID } from 'node:crypto';
import t from 'tap';
import { leaseGuid } from '../../src/azure/lease-id.js';
import { acquireLease, type LeaseRequest } from '../../src/protocol/acquire-lease.js';
import { readLeaseRecord, writeLeaseRecord } from '../../src/state/lease-record.js';
import { thisOwner } from '../../src/state/owner.js';
import { endedProcess, leaseScene } from '../support/lease-scene.js';
import { ownerOf } from '../support/owners.js';

const request = (more: Partial<LeaseRequest> = {}): LeaseRequest => ({
  root: randomUUID(),
  recordedRoot: undefined,
  ...more,
});

t.test('a free blob is leased, recorded, and nothing is proved of it', async (t) => {
  const context = await (await leaseScene(t)).made('free');
  const { root, recordedRoot } = request();
  const lease = await acquireLease(context, { root, recordedRoot });
  t.equal(lease.isProved, false);
  t.match(await readLeaseRecord(context.stateFolder, context.blob.uri), { leaseId: root, owner: thisOwner() });
  t.equal((await context.client.getProperties()).leaseState, 'leased');
  await lease.release();
});

t.test('a lease that is taken under the ETag of then is proved; one after a foreign write is not', async (t) => {
  const context = await (await leaseScene(t)).made('untouched');
  const { etag } = await context.client.getProperties();
  const lease = await acquireLease(context, request({ untouched: etag }));
  t.equal(lease.isProved, true);
  await lease.release();
  await context.client.uploadPages(randomBytes(512), 0, 512);
  const other = await acquireLease(context, request({ untouched: etag }));
  t.equal(other.isProved, false);
  await other.release();
});

t.test('the lease of a crashed process is taken over at once, at whatever step it was', async (t) => {
  const scene = await leaseScene(t);
  for (const step of [0, 1, 3]) {
    const context = await scene.made(`crashed-${step}`);
    const former = randomUUID();
    await context.client.getBlobLeaseClient(leaseGuid({ root: former, step })).acquireLease(60);
    const owner = ownerOf(endedProcess());
    await writeLeaseRecord(context.stateFolder, { uri: context.blob.uri, leaseId: former, owner });
    const own = request();
    const lease = await acquireLease(context, own);
    t.equal(lease.isProved, step > 0, `step ${step}`);
    const record = await readLeaseRecord(context.stateFolder, context.blob.uri);
    t.strictSame([record?.leaseId, record?.formerIds], [own.root, undefined], 'only the new root is recorded');
    const conditions = { leaseId: leaseGuid({ root: former, step }) };
    const late = context.client.uploadPages(randomBytes(512), 0, 512, { conditions });
    const status = await late.then(
      () => 201,
      ({ statusCode }: { statusCode?: number }) => statusCode,
    );
    t.equal(status, 412, 'requests of the crashed process are refused');
    await lease.release();
  }
  t.strictSame(scene.notes, [], 'without waiting');
});

t.test('the root in the metadata is used once the lease has run out, and only if nobody wrote since', async (t) => {
  const scene = await leaseScene(t);
  for (const isWritten of [false, true]) {
    const name = `recorded-${isWritten}`;
    const context = await scene.made(name);
    const recordedRoot = randomUUID();
    await context.client.getBlobLeaseClient(leaseGuid({ root: recordedRoot, step: 2 })).acquireLease(60);
    scene.onNote = async () => {
      scene.azurite.expireLease('vhds', name);
      if (isWritten) await context.client.uploadPages(randomBytes(512), 0, 512);
    };
    const lease = await acquireLease(context, request({ recordedRoot }));
    t.equal(lease.isProved, !isWritten, name);
    t.match(scene.notes.pop(), /is leased: waiting up to 30 s/);
    await lease.release();
  }
});

t.test('the record of a process that runs is not replaced before the lease is taken', async (t) => {
  const context = await (await leaseScene(t)).made('running');
  const running = { uri: context.blob.uri, leaseId: randomUUID(), owner: thisOwner() };
  await writeLeaseRecord(context.stateFolder, running);
  await context.client.getBlobLeaseClient(running.leaseId).acquireLease(-1);
  await t.rejects(acquireLease(context, request()), { code: 'destination-busy', message: /it has an infinite lease/ });
  t.match(await readLeaseRecord(context.stateFolder, context.blob.uri), running);
});

t.test('the error for a blob that is in use names the holder', async (t) => {
  const context = await (
    await leaseScene(t)
  ).made('held', { vhdup_version: '1', vhdup_state: 'writing', vhdup_fingerprint: 'f', vhdup_holder: 'web-7/12' });
  await context.client.getBlobLeaseClient(randomUUID()).acquireLease(-1);
  await t.rejects(acquireLease(context, request()), { message: /\(held by web-7, process 12\)/ });
});
