import { randomBytes, randomUUID } from 'node:crypto';
import t from 'tap';
import { acquireLease } from '../../src/protocol/acquire-lease.js';
import { withPushRecord, type PushRecord } from '../../src/protocol/push-record.js';
import { releaseLease, releaseStaleLease, secondsUntilNoticed } from '../../src/protocol/release-lease.js';
import { requireStillThere } from '../../src/protocol/require-blob.js';
import { readLeaseRecord, writeLeaseRecord } from '../../src/state/lease-record.js';
import { thisOwner } from '../../src/state/owner.js';
import { endedProcess, leaseScene } from '../support/lease-scene.js';
import { ownerOf } from '../support/owners.js';

const complete: PushRecord = {
  ...{ state: 'complete', fingerprint: 'f', times: 't', id: undefined, parentId: undefined },
  ...{ base: undefined, holder: undefined, completedSlackMs: 0 },
};

t.test('the ETag at an orderly end proves the next lease, if nobody writes in between', async (t) => {
  const scene = await leaseScene(t);
  for (const isWritten of [false, true]) {
    const context = await scene.made(`orderly-${isWritten}`);
    const { etag } = await context.client.getProperties();
    const root = randomUUID();
    const lease = await acquireLease(context, { root, recordedRoot: undefined, untouched: etag });
    await releaseLease(context, lease);
    t.equal((await context.client.getProperties()).leaseState, 'available');
    t.match(await readLeaseRecord(context.stateFolder, context.blob.uri), { leaseId: root, hasEnded: true, etag: /./ });
    if (isWritten) await context.client.uploadPages(randomBytes(512), 0, 512);
    const next = await acquireLease(context, { root: randomUUID(), recordedRoot: undefined });
    t.equal(next.isProved, !isWritten);
    await releaseLease(context, next);
  }
});

t.test('an unproved lease leaves no record at its orderly end', async (t) => {
  const context = await (await leaseScene(t)).made('unproved');
  await releaseLease(context, await acquireLease(context, { root: randomUUID(), recordedRoot: undefined }));
  t.equal(await readLeaseRecord(context.stateFolder, context.blob.uri), undefined);
});

t.test('the lease of a finished blob lasts until a later write is noticed', async (t) => {
  const context = await (
    await leaseScene(t)
  ).made('finished', { ...withPushRecord({}, { ...complete, completedAt: new Date(Date.now() + 5000) }) });
  await releaseLease(context, await acquireLease(context, { root: randomUUID(), recordedRoot: undefined }));
  t.equal((await context.client.getProperties()).leaseState, 'breaking');
  t.ok(secondsUntilNoticed(await requireStillThere(context.blob)) > 0);
});

t.test('the lease of a crashed process is released, that of a running one is not', async (t) => {
  const scene = await leaseScene(t);
  for (const isRunning of [false, true]) {
    const context = await scene.made(`stale-${isRunning}`);
    const { uri } = context.blob;
    const leaseId = randomUUID();
    await context.client.getBlobLeaseClient(leaseId).acquireLease(60);
    const owner = isRunning ? thisOwner() : ownerOf(endedProcess());
    await writeLeaseRecord(context.stateFolder, { uri, leaseId, owner });
    await releaseStaleLease(context, await requireStillThere(context.blob));
    t.equal((await context.client.getProperties()).leaseState, isRunning ? 'leased' : 'available');
    t.equal((await readLeaseRecord(context.stateFolder, uri)) === undefined, !isRunning);
  }
});
