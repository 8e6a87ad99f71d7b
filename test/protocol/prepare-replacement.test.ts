import { randomBytes, randomUUID } from 'node:crypto';
import t from 'tap';
import { prepareReplacement } from '../../src/protocol/prepare-replacement.js';
import { requireStillThere } from '../../src/protocol/require-blob.js';
import { writeLeaseRecord } from '../../src/state/lease-record.js';
import { endedProcess, leaseScene } from '../support/lease-scene.js';
import { ownerOf } from '../support/owners.js';

t.test('a blob without a lease may be replaced as it was seen', async (t) => {
  const context = await (await leaseScene(t)).made('free');
  const seen = await requireStillThere(context.blob);
  t.equal(await prepareReplacement(context, seen), seen.etag);
});

t.test('the lease of a crashed process of this machine is released at once', async (t) => {
  const scene = await leaseScene(t);
  const context = await scene.made('crashed');
  const leaseId = randomUUID();
  await context.client.getBlobLeaseClient(leaseId).acquireLease(60);
  const owner = ownerOf(endedProcess());
  await writeLeaseRecord(context.stateFolder, { uri: context.blob.uri, leaseId, owner });
  const seen = await requireStillThere(context.blob);
  t.equal(await prepareReplacement(context, seen), seen.etag);
  t.equal((await context.client.getProperties()).leaseState, 'available');
  t.strictSame(scene.notes, []);
});

t.test('a lease of another machine is waited for; a blob that changes meanwhile is in use', async (t) => {
  const scene = await leaseScene(t);
  for (const isWritten of [false, true]) {
    const name = `elsewhere-${isWritten}`;
    const context = await scene.made(name);
    const lease = context.client.getBlobLeaseClient(randomUUID());
    await lease.acquireLease(60);
    scene.onNote = async () => {
      if (isWritten)
        await context.client.uploadPages(randomBytes(512), 0, 512, { conditions: { leaseId: lease.leaseId } });
      else await lease.releaseLease();
    };
    const seen = await requireStillThere(context.blob);
    const work = prepareReplacement(context, seen);
    if (isWritten) await t.rejects(work, { code: 'destination-busy', message: /another push is writing to it/ });
    else t.equal(await work, seen.etag);
    t.match(scene.notes.pop(), /is leased: waiting/);
  }
});

t.test('a lease without end is not waited for', async (t) => {
  const scene = await leaseScene(t);
  const context = await scene.made('sealed');
  await context.client.getBlobLeaseClient(randomUUID()).acquireLease(-1);
  await t.rejects(prepareReplacement(context, await requireStillThere(context.blob)), {
    code: 'destination-busy',
    message: /it has an infinite lease/,
  });
  t.strictSame(scene.notes, []);
});
