import { randomUUID } from 'node:crypto';
import { mock } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { LEASE_SECONDS, Lease } from '../../src/azure/lease.js';
import { leaseGuid } from '../../src/azure/lease-id.js';
import { acquireInfiniteLease, releaseLeaseAfter, renewLease } from '../../src/azure/lease-requests.js';
import type { VhdupError } from '../../src/errors.js';
import { azureScene } from '../support/azure-scene.js';
import { atNth } from '../support/gate.js';

/** A blob of one page, and leases on it that end with the test. */
async function leaseScene(t: Test) {
  const scene = await azureScene(t);
  const direct = scene.container.getPageBlobClient('disk');
  await direct.create(512);
  const { blob } = await scene.blobAt('disk');
  const lost: VhdupError[] = [];
  const onLost = (error: VhdupError) => void lost.push(error);
  return {
    ...scene,
    blob,
    lost,
    onLost,
    acquire: (step = 0, conditions = {}) => Lease.acquire(blob, { root: randomUUID(), step }, onLost, conditions),
    state: async () => (await blob.properties())?.lease,
    write: (lease?: Lease) => blob.setMetadata({ written: 'yes' }, lease?.conditions ?? {}),
  };
}

t.test('a lease lets only its holder write, until it is released', async (t) => {
  const { acquire, state, write } = await leaseScene(t);
  const lease = await acquire();
  t.strictSame(await state(), { state: 'leased', infinite: false });
  await t.rejects(write(), { code: 'destination-busy' });
  await t.rejects(acquire(), { code: 'destination-busy' });
  await write(lease);
  t.equal(await lease.release(), true);
  t.match(await state(), { state: 'available' });
  await write();
});

t.test('with an ETag the lease is acquired only if the blob still has it', async (t) => {
  const { blob, acquire, write } = await leaseScene(t);
  const { etag = '' } = (await blob.properties()) ?? {};
  await write();
  await t.rejects(acquire(1, { ifMatch: etag }), { code: 'unexpected', message: /412/ });
  const lease = await acquire(1, { ifMatch: (await blob.properties())?.etag });
  t.ok(lease.isProved);
  await lease.release();
});

t.test('a fence ends what is sent under the id before, and proves the content', async (t) => {
  const { acquire, blob } = await leaseScene(t);
  const lease = await acquire();
  t.notOk(lease.isProved);
  const { conditions: before, root } = lease;
  await lease.fence();
  t.ok(lease.isProved);
  t.equal(lease.root, root);
  t.strictSame(lease.conditions, { leaseId: leaseGuid({ root, step: 1 }) });
  await t.rejects(blob.setMetadata({}, before), { code: 'lease-lost' });
  await blob.setMetadata({}, lease.conditions);
  await lease.release();
});

t.test('a lease is taken over by its id only, and the earlier holder can then write no more', async (t) => {
  const { blob, onLost, acquire, azurite } = await leaseScene(t);
  const earlier = await acquire();
  const root = randomUUID();
  t.equal(await Lease.takeOver(blob, { root: randomUUID(), step: 0 }, root, onLost), undefined);
  t.equal(await Lease.takeOver(blob, { root: earlier.root, step: 1 }, root, onLost), undefined);
  azurite.expireLease('vhds', 'disk');
  const lease = await Lease.takeOver(blob, { root: earlier.root, step: 0 }, root, onLost);
  t.match(lease, { root, isProved: false });
  await t.rejects(blob.setMetadata({}, earlier.conditions), { code: 'lease-lost' });
  await lease?.fence();
  await lease?.fence();
  const third = await Lease.takeOver(blob, { root, step: 2 }, randomUUID(), onLost);
  t.match(third, { isProved: true, conditions: { leaseId: leaseGuid({ root: third?.root ?? '', step: 1 }) } });
  await third?.release();
});

t.test('an infinite lease is not released with the work, and has no end', async (t) => {
  const { acquire, blob, state } = await leaseScene(t);
  const lease = await acquire();
  const id = randomUUID();
  await lease.makeInfinite(id);
  t.equal(await lease.finalProperties(), undefined);
  t.equal(await lease.release(), true);
  t.strictSame(await state(), { state: 'leased', infinite: true });
  t.equal(await renewLease(blob, id), true);
  t.equal(await renewLease(blob, randomUUID()), false);
  await t.rejects(acquireInfiniteLease(blob, randomUUID(), {}), { code: 'destination-busy' });
});

t.test('a delayed release keeps others from writing until its time', async (t) => {
  const { acquire, gate, state, write } = await leaseScene(t);
  const lease = await acquire();
  t.notOk(lease.isReleaseDelayed);
  lease.delayRelease(20);
  t.ok(lease.isReleaseDelayed);
  t.match(await lease.finalProperties(), { size: 512 });
  gate.records = [];
  t.equal(await lease.release(), true);
  t.strictSame(
    gate.records.map(({ headers }) => headers['x-ms-lease-action']),
    ['renew', 'break'],
    'a break period is never longer than the rest of the lease',
  );
  t.match(await state(), { state: 'breaking' });
  await t.rejects(write(), { code: 'destination-busy' });
});

t.test(
  'the last properties are fenced if the content is proved; a lost lease is told apart from no answer',
  async (t) => {
    const { acquire, blob, gate, container } = await leaseScene(t);
    const lease = await acquire(1);
    const before = lease.conditions;
    t.match(await lease.finalProperties(), { size: 512 });
    await t.rejects(blob.setMetadata({}, before), { code: 'lease-lost' });
    lease.markComplete(0);
    t.equal(await lease.finalProperties(), undefined, 'a complete blob needs none');
    await lease.release();

    const unproved = await acquire();
    gate.faults = () => 'reset-after-body';
    t.equal(await unproved.finalProperties(), undefined);
    t.equal(await unproved.release(), false, 'it may still hold');
    gate.faults = () => undefined;
    await container.getBlobClient('disk').getBlobLeaseClient().breakLease(0);
    t.equal(await unproved.finalProperties(), 'refused');
    t.equal(await unproved.release(), true);
  },
);

t.test('a change of the id whose answer was lost is released under both ids', async (t) => {
  const { acquire, gate, state } = await leaseScene(t);
  const lease = await acquire();
  gate.faults = atNth('lease', 1, 'answer-lost', 4);
  await t.rejects(lease.fence());
  gate.faults = () => undefined;
  t.equal(await lease.finalProperties(), undefined, 'its id is not known');
  t.equal(await lease.release(), true);
  t.match(await state(), { state: 'available' });
});

t.test('one that nobody holds is refused, and one without an answer is unknown', async (t) => {
  const { blob, gate } = await leaseScene(t);
  t.equal(await releaseLeaseAfter(blob, randomUUID(), 0), 'refused');
  t.equal(await releaseLeaseAfter(blob, randomUUID(), 5), 'refused');
  for (const [status, outcome] of [
    [404, 'refused'],
    [409, 'refused'],
    [412, 'refused'],
    [403, 'unknown'],
    [503, 'unknown'],
  ] as const) {
    gate.onRequest = () => ({ status });
    t.equal(await releaseLeaseAfter(blob, randomUUID(), 0), outcome, `${status}`);
  }
  gate.onRequest = () => undefined;
  gate.faults = () => 'reset-after-body';
  t.equal(await releaseLeaseAfter(blob, randomUUID(), 0), 'unknown');
});

t.test(
  'a lease is renewed every ten seconds; it is lost when the service says so, not after a network error',
  async (t) => {
    const { acquire, lost, gate, container } = await leaseScene(t);
    t.equal(LEASE_SECONDS, 30);
    mock.timers.enable({ apis: ['setTimeout'] });
    t.teardown(() => {
      mock.timers.reset();
    });
    const renewals = () => gate.records.filter(({ headers }) => headers['x-ms-lease-action'] === 'renew');
    const turns = async () => {
      for (let turn = 0; turn < 100; turn++) await setImmediate();
    };
    /** Lets ten seconds pass, and waits for the renewal with this number to end. */
    const renewed = async (count: number) => {
      mock.timers.tick(10_000);
      while (renewals().length < count) await setImmediate();
      await gate.idle();
      await turns();
    };
    const lease = await acquire();
    await renewed(1);
    gate.faults = () => 'reset-after-body';
    await renewed(2);
    t.strictSame(lost, []);
    gate.faults = () => undefined;
    await container.getBlobClient('disk').getBlobLeaseClient().breakLease(0);
    await renewed(3);
    t.match(lost, [{ code: 'lease-lost', message: /the lease was lost/, hint: /see who else writes to it/ }]);
    mock.timers.tick(60_000);
    await turns();
    t.equal(renewals().length, 3, 'it is renewed no more');
    await lease.release();
  },
);
