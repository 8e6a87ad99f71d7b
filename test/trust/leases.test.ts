import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { openDisk, push, type Disk, type PushOptions } from '../../src/index.js';
import { writeLeaseRecord } from '../../src/state/lease-record.js';
import { factsOf } from '../support/blobs.js';
import { WRITES, atNth } from '../support/gate.js';
import { smallScene, type SmallScene } from './small-scene.js';
import { ownerOf } from '../support/owners.js';

const full = ({ uri }: SmallScene, name: string): PushOptions => ({ base: undefined, to: uri(name), concurrency: 1 });

/** Lets a push fall asleep at its second Put Page: meanwhile its lease runs out and `meanwhile` happens. */
async function asleep(t: Test, scene: SmallScene, name: string, meanwhile: () => Promise<unknown>): Promise<string> {
  const { gate, azurite, endOf, pushed } = scene;
  let puts = 0;
  gate.onRequest = async ({ kind, url }) => {
    if (kind !== 'put-page' || !url.includes(name) || ++puts !== 2) return undefined;
    gate.onRequest = () => undefined;
    azurite.expireLease('vhds', name);
    await meanwhile();
    gate.records = [];
    return undefined;
  };
  const end = await endOf(pushed(name, full(scene, name)), name);
  t.ok(puts >= 2);
  return end;
}

t.test('a machine that slept until its lease ran out writes nothing more, and the same call resumes', async (t) => {
  const scene = await smallScene(t);
  const { gate, pushed, assertPushed, assertHonest } = scene;
  t.equal(await asleep(t, scene, 'sleeper', async () => undefined), 'lease-lost');
  t.strictSame(
    gate.records.filter(({ kind, status }) => kind !== 'lease' && WRITES.has(kind) && status < 400),
    [],
    'not one write was served',
  );
  await assertHonest('sleeper', 'after the sleep');
  t.match(await pushed('sleeper', full(scene, 'sleeper')), { outcome: 'resumed' });
  await assertPushed('sleeper');
});

t.test('what another push made of the blob meanwhile is not written to', async (t) => {
  const scene = await smallScene(t);
  const { gate, container, folder, pushed, assertPushed } = scene;
  let there: unknown;
  const end = await asleep(t, scene, 'overtaken', async () => {
    t.match(await pushed('overtaken', { ...full(scene, 'overtaken'), stateFolder: join(folder, 'elsewhere') }), {
      outcome: 'resumed',
    });
    there = await factsOf(container, 'overtaken');
  });
  t.equal(end, 'lease-lost');
  t.strictSame(
    gate.records.filter(({ kind, status }) => WRITES.has(kind) && status < 400),
    [],
  );
  t.strictSame(await factsOf(container, 'overtaken'), there, 'ETag included');
  await assertPushed('overtaken');
  t.match(await pushed('overtaken', full(scene, 'overtaken')), { outcome: 'already-there' });
});

/** The disk, but reading its content waits for `moment`, and fails then; all but the single pages that are sampled before. */
function failing(disk: Disk, moment: Promise<void>): Disk {
  return new Proxy(disk, {
    get: (target, key) => {
      const value: unknown = Reflect.get(target, key, target);
      if (key === 'read')
        return (offset: number, into: Uint8Array) =>
          into.length === 512
            ? target.read(offset, into)
            : moment.then(() => {
                throw new TypeError('a broken thread');
              });
      return typeof value === 'function' ? (...args: unknown[]): unknown => Reflect.apply(value, target, args) : value;
    },
  });
}

t.test(
  'what fails beside the requests ends the push as what it is, and leaves no lease, not even one whose change of id was under way',
  async (t) => {
    const { gate, container, folder, child, uri, pushed, assertPushed } = await smallScene(t);
    const gap = 1024;
    let fail: () => void = () => undefined;
    await using disk = await openDisk(child);
    const broken = failing(
      disk,
      new Promise((resolve) => {
        fail = resolve;
      }),
    );
    gate.onAnswer = ({ headers }) => {
      if (headers['x-ms-lease-action'] === 'change') fail();
    };
    // Taken, then changed; of that no answer comes.
    gate.faults = atNth('lease', 2, 'silent-after');
    const stateFolder = join(folder, 'state');
    await t.rejects(
      push(broken, { base: uri('base'), to: uri('cut'), environment: gate.env, stateFolder, cacheFolder: false, gap }),
      { name: 'TypeError', message: 'a broken thread' },
    );
    t.equal((await container.getPageBlobClient('cut').getProperties()).leaseState, 'available');
    gate.faults = () => undefined;
    gate.onAnswer = () => undefined;
    t.match(await pushed('cut'), { outcome: 'resumed' });
    await assertPushed('cut');
  },
);

t.test('a wall clock that is set forward or back while a push runs does not matter', async (t) => {
  const { gate, pushed, assertPushed } = await smallScene(t);
  const now = Date.now;
  t.teardown(() => {
    Date.now = now;
  });
  for (const jump of [86_400_000, -86_400_000]) {
    gate.faults = atNth('put-page', 2, 'server-busy-retry-after');
    gate.onRequest = ({ kind }) => {
      if (kind === 'lease') Date.now = () => now() + jump;
      return undefined;
    };
    await pushed(`jump${jump}`);
    Date.now = now;
    await assertPushed(`jump${jump}`);
  }
});

for (const over of ['a full push', 'a copy of the base'] as const) {
  const more = (scene: SmallScene): PushOptions => ({
    ...(over === 'a full push' ? full(scene, 'taken') : {}),
    overwrite: true,
  });

  t.test(
    `--overwrite with ${over} onto a blob that a crashed push left leased waits until the lease runs out`,
    async (t) => {
      const scene = await smallScene(t);
      const { azurite, gate, container, pushed, assertPushed } = scene;
      await container.getPageBlobClient('taken').create(1024);
      await container.getBlobClient('taken').getBlobLeaseClient().acquireLease(60);
      let waited = '';
      await pushed('taken', {
        ...more(scene),
        onEvent: (event) => {
          if (event.type !== 'note' || !/waiting/.test(event.message)) return;
          waited = event.message;
          azurite.expireLease('vhds', 'taken');
        },
      });
      t.match(waited, /taken is leased/);
      t.notOk(
        gate.records.some(({ status }) => status === 412),
        'nothing was tried under the lease',
      );
      await assertPushed('taken');
    },
  );

  t.test(`--overwrite with ${over} leaves a blob alone that somebody holds`, async (t) => {
    const scene = await smallScene(t);
    const { gate, container, pushed } = scene;
    const blob = container.getPageBlobClient('taken');
    await blob.create(1024);
    const lease = blob.getBlobLeaseClient();
    const { leaseId = '' } = await lease.acquireLease(-1);
    await t.rejects(pushed('taken', more(scene)), {
      code: 'destination-busy',
      message: /it has an infinite lease/,
      hint: /./,
    });
    await lease.releaseLease();
    await blob.getBlobLeaseClient(leaseId).acquireLease(60);
    const write = async () => blob.uploadPages(Buffer.alloc(512, 1), 0, 512, { conditions: { leaseId } });
    await t.rejects(pushed('taken', { ...more(scene), onEvent: (event) => void (event.type === 'note' && write()) }), {
      code: 'destination-busy',
      message: /is writing to it/,
    });
    t.equal((await factsOf(container, 'taken'))?.size, 1024);
    gate.onRequest = async ({ kind }) => {
      if (kind === 'create' || kind === 'copy')
        await container
          .getBlobClient('taken')
          .getBlobLeaseClient()
          .acquireLease(60)
          .catch(() => undefined);
      return undefined;
    };
    await lease.releaseLease();
    await t.rejects(pushed('taken', more(scene)), { code: 'destination-busy', hint: /./ }, 'taken at the last moment');
  });
}

t.test('--overwrite onto a blob that a crashed push of this machine left leased need not wait', async (t) => {
  const { folder, container, uri, pushed, assertPushed } = await smallScene(t);
  const blob = container.getPageBlobClient('crashed');
  await blob.create(1024);
  const leaseId = randomUUID();
  await blob.getBlobLeaseClient(leaseId).acquireLease(60);
  const { pid } = spawnSync(process.execPath, ['-e', '']);
  await writeLeaseRecord(join(folder, 'state'), { uri: uri('crashed'), leaseId, owner: ownerOf(pid) });
  const notes: string[] = [];
  await pushed('crashed', {
    overwrite: true,
    onEvent: (event) => void (event.type === 'note' && notes.push(event.message)),
  });
  t.strictSame(notes, []);
  await assertPushed('crashed');
});
