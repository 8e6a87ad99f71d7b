import { ContainerSASPermissions, BlobSASPermissions } from '@azure/storage-blob';
import t, { type Test } from 'tap';
import { openDisk, planPush, type PushOptions, type PushResult, type SessionEvent } from '../../src/index.js';
import { factsOf } from '../support/blobs.js';
import type { GateRecord } from '../support/gate.js';
import { killPush } from '../support/killed-push.js';
import { manageScene, type ManageScene } from '../support/manage-scene.js';

const EXPIRES = () => new Date(Date.now() + 3_600_000);

interface ImageScene extends ManageScene {
  /** Pushes the base of the chain, without looking for a base. */
  readonly version: (name: string, more?: PushOptions) => Promise<PushResult>;
  readonly markers: () => Promise<string[]>;
  readonly metadataOf: (name: string) => Promise<Record<string, string>>;
}

async function imageScene(t: Test): Promise<ImageScene> {
  const set = await manageScene(t);
  const { container, pushed, scene, uri, gate } = set;
  gate.hidesEmulator = true;
  return {
    ...set,
    version: (name, more = {}) => pushed(scene.base, { to: uri(name), image: 'golden', ...more }),
    markers: async () => {
      const names: string[] = [];
      for await (const { name } of container.listBlobsFlat({ prefix: 'vhdup-images/' })) names.push(name);
      return names;
    },
    metadataOf: async (name) => (await factsOf(container, name))?.metadata ?? {},
  };
}

/** Image and version of a result, and its warnings about them. */
const imageOf = ({ outcome, image, imageVersion, warnings }: PushResult) => ({
  outcome,
  image,
  imageVersion,
  warnings: warnings.filter(({ code }) => /image|version/.test(code)).map(({ message }) => message),
});

/** The requests that claim a version. */
const isClaim = ({ method, url }: GateRecord) => method === 'PUT' && url.includes('/vhdup-images/');

t.test('each push of an image is the next version of it, and its blob and a marker say so', async (t) => {
  const { version, markers, metadataOf, container, scene, uri, pushed } = await imageScene(t);
  t.match(await version('one'), { outcome: 'pushed', image: 'golden', imageVersion: '1', base: undefined });
  t.match(await version('zw ei/Ä'), { imageVersion: '2', base: { layer: 0 } }, 'the nearest ancestor is looked for');
  t.match(await pushed(scene.child, { to: uri('other'), image: 'a  b/<&%20>..' }), { imageVersion: '1' });
  t.match(await metadataOf('one'), { vhdup_state: 'complete', vhdup_image: 'golden', vhdup_image_version: '1' });
  t.match(await metadataOf('zw ei/Ä'), { vhdup_image: 'golden', vhdup_image_version: '2' });
  t.match(await metadataOf('other'), { vhdup_image: 'a  b/<&%20>..', vhdup_image_version: '1' });
  t.strictSame(await markers(), [
    'vhdup-images/a%20%20b%2F%3C%26%2520%3E%2E%2E/1',
    'vhdup-images/golden/1',
    'vhdup-images/golden/2',
  ]);
  const marker = container.getBlobClient('vhdup-images/golden/2');
  t.match(await marker.getProperties(), {
    blobType: 'BlockBlob',
    contentLength: 0,
    metadata: {
      vhdup_fingerprint: (await metadataOf('zw ei/Ä'))['vhdup_fingerprint'],
      vhdup_destination: 'zw%20ei/%C3%84',
    },
  });
  t.equal((await pushed(scene.base, { to: uri('plain') })).imageVersion, undefined);
  t.strictSame(
    Object.keys(await metadataOf('plain')).filter((key) => key.includes('image')),
    [],
    'without the option nothing is recorded',
  );
});

t.test('a name that consists of dots leads to no other folder', async (t) => {
  const { version, markers } = await imageScene(t);
  t.match(await version('one', { image: '..', imageTag: '..' }), { image: '..', imageVersion: '..' });
  t.match(await version('two', { image: '..' }), { imageVersion: '1' });
  t.strictSame(await markers(), ['vhdup-images/%2E%2E/%2E%2E', 'vhdup-images/%2E%2E/1']);
});

t.test('the next number comes after all markers and all blobs, also unfinished ones', async (t) => {
  const { version, container, markers, unfinished, metadataOf } = await imageScene(t);
  await container.getPageBlobClient('moved').create(512, {
    metadata: {
      vhdup_version: '1',
      vhdup_state: 'complete',
      vhdup_fingerprint: 'f',
      vhdup_image: 'golden',
      vhdup_image_version: '7',
    },
  });
  t.match(await version('eight'), { imageVersion: '8' });
  await unfinished('nine', { image: 'golden' });
  t.match(await metadataOf('nine'), { vhdup_state: 'writing', vhdup_image_version: '9' });
  await container.deleteBlob('nine');
  t.match(await version('ten'), { imageVersion: '10' });
  for (const name of await markers()) await container.deleteBlob(name);
  t.match(await version('eleven'), { imageVersion: '11' });
  // Whatever has the name of a version, the number is taken.
  await container.getPageBlobClient('vhdup-images/golden/20').create(512);
  t.match(await version('later'), { imageVersion: '21' });
});

t.test('a tag is a version of its own; one that is a number is counted', async (t) => {
  const { version, metadataOf, markers } = await imageScene(t);
  t.match(await version('a', { imageTag: 'v1.0-rc_1' }), { imageVersion: 'v1.0-rc_1' });
  t.match(await version('b'), { imageVersion: '1' });
  t.match(await version('c', { imageTag: '0041' }), { imageVersion: '41' });
  t.match(await version('d'), { imageVersion: '42' });
  t.match(await version('e', { imageTag: '7' }), { imageVersion: '7' });
  t.match(await version('f'), { imageVersion: '43' });
  t.equal((await metadataOf('c'))['vhdup_image_version'], '41');
  t.ok((await markers()).includes('vhdup-images/golden/41'));
});

t.test('a tag that another push has claimed is refused, and what is at the destination stays', async (t) => {
  const { version, scene, pushed, uri, metadataOf } = await imageScene(t);
  await version('first', { imageTag: 'stable' });
  await version('second');
  const before = await metadataOf('second');
  await t.rejects(pushed(scene.child, { to: uri('second'), overwrite: true, image: 'golden', imageTag: 'stable' }), {
    code: 'destination-exists',
    message: 'version stable of the image "golden" is claimed by another push, to first',
    hint: /`imageTag`.*`listImages`/,
  });
  t.strictSame(await metadataOf('second'), before);
  await t.rejects(version('third', { imageTag: '1' }), { code: 'destination-exists' }, 'a number that is taken');
  t.match(await version('other', { image: 'silver', imageTag: 'stable' }), { imageVersion: 'stable' });
});

t.test('pushes at once never get one number', async (t) => {
  const { version, gate, markers } = await imageScene(t);
  let waiting = 0;
  // Each sees the markers before any of them is made.
  let go: () => void = () => undefined;
  const all = new Promise<void>((resolve) => (go = resolve));
  gate.onRequest = async (record) => {
    if (isClaim(record) && waiting < 3) {
      if (++waiting === 3) go();
      await all;
    }
    return undefined;
  };
  const results = await Promise.all(['a', 'b', 'c'].map((name) => version(name)));
  t.strictSame(results.map(({ imageVersion }) => imageVersion).sort(), ['1', '2', '3']);
  t.equal((await markers()).length, 3);
  const [one, two] = await Promise.allSettled([
    version('tag-1', { imageTag: 'x' }),
    version('tag-2', { imageTag: 'x' }),
  ]);
  t.strictSame([one.status, two.status].sort(), ['fulfilled', 'rejected'], 'nor one tag');
});

t.test("a claim whose answer was lost is this push's own", async (t) => {
  const { version, gate, markers } = await imageScene(t);
  for (const imageTag of [undefined, 'x']) {
    let lost = 0;
    gate.onAnswer = (record) => (isClaim(record) && lost++ === 0 ? 'drop' : undefined);
    t.match(await version(`to-${imageTag ?? 'number'}`, { imageTag }), { imageVersion: imageTag ?? '1' });
    t.equal(lost, 2);
  }
  t.strictSame(await markers(), ['vhdup-images/golden/1', 'vhdup-images/golden/x']);
});

t.test(
  'killed between claim and creation, a push has the same number again; meanwhile another one has the next',
  async (t) => {
    const { version, gate, env, uri, scene, markers, pushed, container } = await imageScene(t);
    // By leaves, the version that is made meanwhile would be a better base: another push.
    const args = ['push', scene.base, '--to', uri('killed'), '--image', 'golden', '--compare', 'layers'];
    t.ok(await killPush(gate, args, env, { request: isClaim, moment: 'after' }));
    t.equal(await factsOf(container, 'killed'), undefined);
    t.strictSame(await markers(), ['vhdup-images/golden/1']);
    t.match(
      await version('next', { base: uri('none') }).catch(() => undefined),
      undefined,
      'a push that is refused claims nothing',
    );
    t.match(await pushed(scene.child, { to: uri('next'), image: 'golden' }), { imageVersion: '2' });
    t.match(await version('killed', { compare: 'layers' }), { outcome: 'pushed', imageVersion: '1' });
    t.equal((await markers()).length, 2);

    await version('tagged');
    t.ok(
      await killPush(
        gate,
        ['push', scene.child, '--to', uri('tagged'), '--overwrite', '--image', 'golden', '--image-tag', 'x'],
        env,
        {
          request: isClaim,
          moment: 'after',
        },
      ),
    );
    t.match(await pushed(scene.child, { to: uri('tagged'), overwrite: true, image: 'golden', imageTag: 'x' }), {
      imageVersion: 'x',
    });
  },
);

t.test('a push that is resumed, or finds its copy failed, keeps what its record says', async (t) => {
  const { unfinished, metadataOf, pushed, scene, uri, markers, gate, version } = await imageScene(t);
  await unfinished('half', { image: 'golden' });
  t.match(await metadataOf('half'), { vhdup_state: 'writing', vhdup_image: 'golden', vhdup_image_version: '1' });
  t.match(imageOf(await pushed(scene.child, { to: uri('half'), image: 'golden' })), {
    outcome: 'resumed',
    imageVersion: '1',
    warnings: [],
  });
  t.match(await metadataOf('half'), { vhdup_state: 'complete', vhdup_image: 'golden', vhdup_image_version: '1' });

  await unfinished('plain', { image: 'golden', imageTag: 'x' });
  t.match(imageOf(await pushed(scene.child, { to: uri('plain'), base: 'auto' })), {
    outcome: 'resumed',
    image: 'golden',
    imageVersion: 'x',
    warnings: [],
  });
  await unfinished('without', { base: 'auto' });
  t.match(imageOf(await pushed(scene.child, { to: uri('without'), image: 'golden' })), {
    outcome: 'resumed',
    image: undefined,
    warnings: [/without the name of an image before, and that stays/],
  });
  t.equal((await markers()).length, 2);

  await version('base');
  gate.copies = { polls: 1, end: 'failed' };
  const copied = { base: uri('base'), to: uri('copy'), image: 'golden' };
  await t.rejects(pushed(scene.child, copied), { code: 'transfer-failed' });
  gate.copies = { polls: 1, end: 'success' };
  const { vhdup_image_version: claimed } = await metadataOf('copy');
  t.equal(claimed, '3');
  t.match(await pushed(scene.child, copied), { imageVersion: '3' }, 'made again');
  t.equal((await markers()).length, 4);
});

t.test('a destination that is complete already claims nothing, and keeps its image', async (t) => {
  const { version, gate, markers, pushed, scene, uri } = await imageScene(t);
  await version('done');
  gate.records = [];
  const done = { outcome: 'already-there', image: 'golden', imageVersion: '1' };
  t.match(imageOf(await version('done')), { ...done, warnings: [] });
  t.match(imageOf(await version('done', { image: 'silver' })), {
    ...done,
    warnings: [/\/done was pushed as the image golden, version 1, before, and that stays/],
  });
  t.match(imageOf(await version('done', { imageTag: '2' })), { ...done, warnings: [/version 1, before/] });
  t.match(imageOf(await version('done', { imageTag: '01' })), { ...done, warnings: [] });
  await pushed(scene.base, { to: uri('plain') });
  t.match(imageOf(await version('plain')), {
    image: undefined,
    warnings: [/without the name of an image before, and that stays/],
  });
  t.notOk(gate.records.some(isClaim));
  t.strictSame(await markers(), ['vhdup-images/golden/1']);
});

t.test('a dry run claims nothing', async (t) => {
  const { options, scene, uri, markers, gate } = await imageScene(t);
  await using disk = await openDisk(scene.base);
  t.match(await planPush(disk, { ...options, to: uri('new'), image: 'golden', imageTag: 'x' }), { action: 'push' });
  t.notOk(gate.records.some(isClaim));
  t.strictSame(await markers(), []);
});

t.test(
  'a replaced blob has the new values, and a push that was replaced has a new number when it comes again',
  async (t) => {
    const { version, pushed, scene, uri, metadataOf, markers } = await imageScene(t);
    const child = (more: PushOptions) =>
      pushed(scene.child, { to: uri('disk'), overwrite: true, base: undefined, ...more });
    t.match(await version('disk'), { imageVersion: '1' });
    t.match(await child({ image: 'golden' }), { imageVersion: '2' });
    t.match(await version('disk', { overwrite: true }), { imageVersion: '3' }, 'the same push as version 1');
    t.match(await child({ image: 'silver', imageTag: 'x' }), { image: 'silver', imageVersion: 'x' });
    t.match(await metadataOf('disk'), { vhdup_image: 'silver', vhdup_image_version: 'x' });
    await version('disk', { overwrite: true, image: undefined });
    t.strictSame(
      Object.keys(await metadataOf('disk')).filter((key) => key.includes('image')),
      [],
    );
    t.equal((await markers()).length, 4);
  },
);

t.test(
  'with a SAS for one blob, or one that may not list, the image is recorded without a version, with one warning',
  async (t) => {
    const { version, container, uri, metadataOf, markers } = await imageScene(t);
    const oneBlob = new URL(
      await container
        .getPageBlobClient('single')
        .generateSasUrl({ permissions: BlobSASPermissions.parse('racwd'), expiresOn: EXPIRES() }),
    ).search;
    const noList = new URL(
      await container.generateSasUrl({ permissions: ContainerSASPermissions.parse('rcw'), expiresOn: EXPIRES() }),
    ).search;
    for (const [name, sas, other] of [
      ['single', oneBlob, ['leaf-list-not-written']],
      ['unlisted', noList, []],
    ] as const) {
      const events: SessionEvent[] = [];
      const result = await version(name, {
        to: `${uri(name)}${sas}`,
        environment: {},
        onEvent: (event) => {
          if (event.type === 'note' || event.type === 'warning') events.push(event);
        },
      });
      t.match(result, { image: 'golden', imageVersion: undefined, base: undefined });
      t.strictSame(
        result.warnings.map(({ code }) => code),
        ['size-not-mib', 'version-not-claimed', ...other],
        name,
      );
      t.ok(events.some((event) => event.type === 'note' && /may not be listed/.test(event.message)));
      t.match(await metadataOf(name), { vhdup_state: 'complete', vhdup_image: 'golden' });
      t.equal((await metadataOf(name))['vhdup_image_version'], undefined);
    }
    t.match(
      await version('tagged', { to: `${uri('tagged')}${noList}`, environment: {}, imageTag: 'x' }),
      { imageVersion: 'x' },
      'a tag needs no listing',
    );
    t.strictSame(await markers(), ['vhdup-images/golden/x']);
    await t.rejects(
      version('single', { to: `${uri('single')}${oneBlob}`, environment: {}, base: 'auto' }),
      { code: 'not-authorised' },
      'a base that was asked for is not left out',
    );
  },
);

t.test('an option that is none is refused before any request', async (t) => {
  const { version, gate, scene, pushed, uri } = await imageScene(t);
  for (const image of ['', ' a', 'a ', 'a@1', 'what?', 'a#1', 'ä', 'a\n', 'x'.repeat(257), 7])
    await t.rejects(
      version('new', { image: image as string }),
      { code: 'usage', message: /^`image` takes/ },
      String(image),
    );
  for (const imageTag of ['', 'a b', 'a/b', 'ä', 'x'.repeat(65), '1'.repeat(16), 7])
    await t.rejects(version('new', { imageTag: imageTag as string }), { code: 'usage', message: /^`imageTag` takes/ });
  await t.rejects(pushed(scene.base, { to: uri('new'), imageTag: 'x' }), {
    code: 'usage',
    message: '`imageTag` goes with `image`',
  });
  for (const base of ['image:', 'image:a@', 'image:a@b@c', 'image: a', 'image:a@b c'])
    await t.rejects(
      pushed(scene.base, { to: uri('new'), base }),
      { code: 'usage', message: /image:NAME@VERSION/ },
      base,
    );
  await t.rejects(pushed(scene.base, { base: 'image:golden' }), { code: 'usage', message: /`to`/ });
  await t.rejects(pushed(scene.base, { image: 'golden' }), { code: 'usage', message: /`to`/ });
  t.equal(gate.records.length, 0);
  t.match(await version('new', { image: 'x'.repeat(256), imageTag: '.'.repeat(64) }), { imageVersion: '.'.repeat(64) });
});
