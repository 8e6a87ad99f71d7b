import t, { type Test } from 'tap';
import { openDisk, planPush, sealBlob, type PushOptions } from '../../src/index.js';
import { endBreak, factsOf } from '../support/blobs.js';
import { runCli } from '../support/cli.js';
import { manageScene, type ManageScene } from '../support/manage-scene.js';

interface BaseScene extends ManageScene {
  /** Returns the name of the base that a push of the child would be over. */
  readonly baseOf: (base: string, more?: PushOptions) => Promise<string | undefined>;
}

/** Versions 1 (`v1`), 2 (`v2`) and `x` (`vx`) of an image, in this order, all blobs of the base of a chain. */
async function baseScene(t: Test): Promise<BaseScene> {
  const set = await manageScene(t);
  const { gate, options, pushed, scene, uri } = set;
  gate.hidesEmulator = true;
  for (const [name, imageTag] of [['v1'], ['v2'], ['vx', 'x']] as const) {
    const base = { base: name === 'v1' ? undefined : uri('v1') };
    await pushed(scene.base, { to: uri(name), image: 'the golden one', imageTag, ...base });
    // Times of completion have whole seconds.
    await dated(set, name, { v1: 1, v2: 2, vx: 3 }[name]);
  }
  return {
    ...set,
    baseOf: async (base, more = {}) => {
      await using disk = await openDisk(scene.child);
      return (await planPush(disk, { ...options, to: uri('child'), base, ...more })).base?.blob.split('/').pop();
    },
  };
}

/** Makes a finished blob say that it was completed so many hours from now. */
async function dated({ container }: Pick<ManageScene, 'container'>, name: string, hours: number): Promise<void> {
  await endBreak(container, name);
  const blob = container.getBlobClient(name);
  const vhdup_completed = new Date(Date.now() + hours * 3_600_000).toISOString();
  await blob.setMetadata({ ...(await blob.getProperties()).metadata, vhdup_completed });
}

t.test('a base by the name of its image is the newest finished version, or the one that is named', async (t) => {
  const set = await baseScene(t);
  const { baseOf, container, pushed, scene, uri } = set;
  t.equal(await baseOf('image:the golden one'), 'vx');
  t.equal(await baseOf('image:the golden one@1'), 'v1');
  t.equal(await baseOf('image:the golden one@02'), 'v2');
  t.equal(await baseOf('image:the golden one@x'), 'vx');
  await container.getPageBlobClient('vx').uploadPages(Buffer.alloc(512, 1), 0, 512);
  await dated(set, 'vx', -1);
  t.equal(await baseOf('image:the golden one'), 'v2', 'one that was written to is no version');
  await dated(set, 'v1', 4);
  t.equal(await baseOf('image:the golden one'), 'v1', 'the time of completion decides');

  const result = await pushed(scene.child, { to: uri('child'), base: 'image:the golden one', image: 'the golden one' });
  t.match(result, { base: { blob: uri('v1'), check: 'tree' }, imageVersion: '3' });
  await dated(set, 'child', 5);
  t.match(
    await pushed(scene.child, { to: uri('child'), base: 'image:the golden one', image: 'the golden one' }),
    { outcome: 'already-there', base: { blob: uri('v1') } },
    'a destination is not its own base',
  );
});

t.test('an unknown image or version is a base that does not match; the hint names the list', async (t) => {
  const { baseOf, unfinished, env, scene, uri } = await baseScene(t);
  await t.rejects(baseOf('image:silver'), {
    code: 'base-mismatch',
    message: /\/vhds: the image "silver" has no finished version$/,
    hint: /`listImages` lists the images/,
  });
  await t.rejects(baseOf('image:the golden one@4'), {
    code: 'base-mismatch',
    message: /the image "the golden one" has no finished version 4$/,
  });
  await t.rejects(baseOf('image:The golden one'), { code: 'base-mismatch' }, 'case counts');
  await unfinished('half', { image: 'silver', base: undefined });
  await t.rejects(baseOf('image:silver'), { code: 'base-mismatch' }, 'an unfinished one is no version');
  const { exitCode, stderr } = await runCli(['push', scene.child, uri('new'), '--base', 'image:silver'], env);
  t.equal(exitCode, 4);
  t.match(stderr, /vhdup images lists the images of a container/);
});

t.test('if the base has to be sealed, only versions count that nobody can change', async (t) => {
  const { baseOf, uri, options } = await baseScene(t);
  const sealed = { requireSealedBase: true };
  await t.rejects(baseOf('image:the golden one', sealed), {
    code: 'base-mismatch',
    message: /has no finished version that nobody can change$/,
    hint: /`sealBlob` seals one/,
  });
  await sealBlob(uri('v2'), options);
  t.equal(await baseOf('image:the golden one', sealed), 'v2');
  t.equal(await baseOf('image:the golden one'), 'vx');
  await t.rejects(baseOf('image:the golden one@1', sealed), { code: 'base-mismatch' });
});

t.test('a resumed push keeps its base, although the image has a newer version by now', async (t) => {
  const set = await baseScene(t);
  const { unfinished, pushed, scene, uri, container } = set;
  const golden = { base: 'image:the golden one', image: 'the golden one' };
  await unfinished('half', golden);
  t.match((await factsOf(container, 'half'))?.metadata, { vhdup_base: uri('vx'), vhdup_image_version: '3' });
  await pushed(scene.base, { to: uri('newer'), image: 'the golden one', base: uri('v1') });
  await dated(set, 'newer', 9);
  t.match(await pushed(scene.child, { to: uri('half'), ...golden }), {
    outcome: 'resumed',
    base: { blob: uri('vx') },
    imageVersion: '3',
  });

  await unfinished('other', { base: uri('v1'), image: 'silver' });
  t.match(await pushed(scene.child, { to: uri('other'), base: 'image:the golden one@1' }), {
    outcome: 'resumed',
    base: { blob: uri('v1') },
  });
  await unfinished('third', { base: uri('v1') });
  await t.rejects(
    pushed(scene.child, { to: uri('third'), base: 'image:the golden one@2' }),
    { code: 'destination-exists' },
    'a base that is not what was asked for is not used',
  );
  await unfinished('full');
  await t.rejects(pushed(scene.child, { to: uri('full'), base: 'image:the golden one' }), {
    code: 'destination-exists',
  });
});
