import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { RestError, type PageBlobClient } from '@azure/storage-blob';
import t, { type Test } from 'tap';
import { blobStatus, inspectBlob, openDisk, push, sealBlob, type PushOptions } from '../../src/index.js';
import { factsOf } from '../support/blobs.js';
import { smallScene, type SmallScene } from '../trust/small-scene.js';

const SECOND = 1000;

/** Pushes the base's disk as users do: nothing ends its lease early. */
async function pushedAsIs({ basePath, gate, folder, uri }: SmallScene, name: string, more: PushOptions = {}) {
  await using disk = await openDisk(basePath);
  return await push(disk, {
    to: uri(name),
    environment: gate.env,
    stateFolder: folder,
    cacheFolder: false,
    retry: { attempts: 2, firstDelayMs: 1, maxDelayMs: 2 },
    ...more,
  });
}

/** Writes a page as soon as the service lets somebody without the lease do so; returns how often it was refused before. */
async function writeWhenPossible(t: Test, blob: PageBlobClient): Promise<number> {
  for (let refused = 0; ; refused++) {
    try {
      await blob.uploadPages(randomBytes(512), 0, 512);
      return refused;
    } catch (error) {
      t.ok(error instanceof RestError && error.statusCode === 412, String(error));
      await sleep(20);
    }
  }
}

t.test(
  'who writes to a blob as soon as its push is complete is noticed: it is neither what was pushed nor a base',
  async (t) => {
    const scene = await smallScene(t);
    const { container, uri, gate, pushed } = scene;
    for (let round = 0; round < 3; round++) {
      const name = `early-${round}`;
      await pushedAsIs(scene, name);
      const refused = await writeWhenPossible(t, container.getPageBlobClient(name));
      t.ok(refused > 0, `nobody else wrote within the second of the completion: ${refused} refusals`);
      t.match((await inspectBlob(uri(name), { environment: gate.env })).problems, [
        /written to after the push was completed/,
      ]);
      await t.rejects(pushedAsIs(scene, name), {
        code: 'destination-exists',
        message: /written to after the push was completed/,
      });
      await t.rejects(pushed(`over-${name}`, { base: uri(name) }), {
        code: 'base-mismatch',
        message: /written to after it was completed/,
      });
    }
  },
);

t.test('the time of completion is not before the last change, and the lease ends after it', async (t) => {
  const scene = await smallScene(t);
  const { container, gate, uri } = scene;
  await pushedAsIs(scene, 'timed');
  t.equal((await blobStatus(uri('timed'), { environment: gate.env })).lease?.state, 'breaking');
  const { metadata = {}, lastModified = new Date(0) } = await container.getBlobClient('timed').getProperties();
  const completed = new Date(metadata['vhdup_completed'] ?? 0);
  t.ok(completed >= lastModified && completed.getTime() - lastModified.getTime() <= 2 * SECOND);
  t.equal(metadata['vhdup_completed_slack'], '0');
  while ((await factsOf(container, 'timed'))?.leaseState === 'breaking') await sleep(20);
  t.ok(Date.now() >= completed.getTime() + SECOND, 'the whole second is over');
});

t.test('a service that answers late gets more time; one that is always later ends the push, resumable', async (t) => {
  const scene = await smallScene(t);
  const { gate, container, folder } = scene;
  const isLast = ({ kind, headers }: { kind: string; headers: Record<string, unknown> }) =>
    kind === 'metadata' && headers['x-ms-meta-vhdup_state'] === 'complete';
  let late = 1;
  gate.onRequest = async (record) => {
    if (isLast(record) && late-- > 0) await sleep(2.1 * SECOND);
    return undefined;
  };
  await pushedAsIs(scene, 'late');
  const { metadata = {}, lastModified = new Date(0) } = await container.getBlobClient('late').getProperties();
  t.ok(new Date(metadata['vhdup_completed'] ?? 0) >= lastModified);
  t.equal(late, -1, 'it was set a second time');

  let answers = 0;
  gate.onRequest = (record) => {
    if (!isLast(record)) return undefined;
    answers++;
    const later = new Date(Date.now() + 120 * SECOND);
    return {
      status: 200,
      headers: { etag: '"0x1"', 'last-modified': later.toUTCString(), date: new Date().toUTCString() },
    };
  };
  await t.rejects(pushedAsIs(scene, 'later'), { code: 'transfer-failed', hint: /same command/ });
  t.equal(answers, 5);
  t.notMatch((await factsOf(container, 'later'))?.metadata, { vhdup_state: 'complete' });
  gate.onRequest = () => undefined;
  t.match(await pushedAsIs(scene, 'later', { stateFolder: folder }), { outcome: 'resumed' });
});

t.test('seal and overwrite right after a push wait until its lease has ended', async (t) => {
  const scene = await smallScene(t);
  const { gate, uri, container, pushed } = scene;
  await pushedAsIs(scene, 'sealed');
  t.match(await sealBlob(uri('sealed'), { environment: gate.env, stateFolder: scene.folder }), {
    seal: { kind: 'lease', leaseId: /./ },
  });
  await pushedAsIs(scene, 'again');
  t.equal((await factsOf(container, 'again'))?.leaseState, 'breaking');
  const notes: string[] = [];
  await pushed('again', {
    overwrite: true,
    onEvent: (event) => void (event.type === 'note' && notes.push(event.message)),
  });
  t.notMatch(notes.join(), /leased/, 'that is no news');
  await scene.assertPushed('again');
});

t.test('an older record, of a version that allowed for 5 s, keeps them', async (t) => {
  const scene = await smallScene(t);
  const { container, gate, uri } = scene;
  const base = container.getPageBlobClient('base');
  const { metadata = {} } = await base.getProperties();
  const older = Object.fromEntries(Object.entries(metadata).filter(([key]) => key !== 'vhdup_completed_slack'));
  const state = async (ago: number) => {
    await base.setMetadata({ ...older, vhdup_completed: new Date(Date.now() - ago).toISOString() });
    return (await inspectBlob(uri('base'), { environment: gate.env })).problems.filter((problem) =>
      /written to after/.test(problem),
    ).length;
  };
  t.equal(await state(3 * SECOND), 0);
  t.equal(await state(8 * SECOND), 1);
});
