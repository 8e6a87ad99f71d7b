import t from 'tap';
import { listImages, sealBlob } from '../../src/index.js';
import { endBreak } from '../support/blobs.js';
import { runCli } from '../support/cli.js';
import { manageScene } from '../support/manage-scene.js';
import { sasFor } from '../support/sas.js';

t.test('the images of a container are listed with their finished versions, newest first', async (t) => {
  const { scene, container, gate, options, env, uri, pushed, unfinished } = await manageScene(t);
  gate.hidesEmulator = true;
  const where = uri('').slice(0, -1);
  t.strictSame(await listImages(where, options), { container: where, images: [], warnings: [] });
  const empty = await runCli(['images', where], env);
  t.match(empty, { exitCode: 0, stdout: `${where}: there is no image in it; vhdup push --image makes one\n` });
  t.match(JSON.parse((await runCli(['images', where, '--json'], env)).stdout), { container: where, images: [] });

  await pushed(scene.base, { to: uri('a b'), image: 'the golden one' });
  await pushed(scene.child, { to: uri('child'), image: 'the golden one' });
  await pushed(scene.child, { to: uri('silver/1'), image: 'silver', imageTag: 'x', base: uri('child') });
  await sealBlob(uri('a b'), options);
  await unfinished('half', { image: 'silver', base: uri('a b') });
  await pushed(scene.base, { to: uri('written'), image: 'silver', base: uri('a b') });
  await endBreak(container, 'written');
  const written = container.getPageBlobClient('written');
  const vhdup_completed = '2020-01-01T00:00:00.000Z';
  await written.setMetadata({ ...(await written.getProperties()).metadata, vhdup_completed });
  await container.getPageBlobClient('foreign').create(512);

  const blobSize = scene.content.length + 512;
  const golden = {
    image: 'the golden one',
    versions: [
      { blob: uri('child'), version: '2', id: scene.ids.child, blobSize, protection: undefined, base: uri('a%20b') },
      { blob: uri('a%20b'), version: '1', id: scene.ids.base, protection: 'an infinite lease', base: undefined },
    ],
  };
  const silver = { image: 'silver', versions: [{ version: 'x', blob: uri('silver/1'), base: uri('child') }] };
  const listing = await listImages(`${where}/`, options);
  t.match(listing, { container: where, images: [silver, golden], warnings: [] });
  t.strictSame(
    listing.images.map(({ versions }) => versions.length),
    [1, 2],
    'neither an unfinished blob nor one that was written to',
  );
  const { sas, secret } = await sasFor(container, 60);
  for (const address of [`${where}?${sas}`, `${where}/?${sas}`])
    t.match(await listImages(address, { ...options, environment: {}, image: 'silver' }), { images: [silver] });

  const { stdout, exitCode } = await runCli(['images', `${where}/?${sas}`], {});
  t.equal(exitCode, 0);
  t.notOk(stdout.includes(secret));
  const time = String.raw`\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ`;
  t.match(
    stdout,
    new RegExp(
      [
        where,
        String.raw`  silver  \(1 version\)`,
        '    version  completed             size     blob      base   protected by',
        `    x        ${time}  9\\.0 MiB  silver/1  child  nothing`,
        String.raw`  the golden one  \(2 versions\)`,
        '    version  completed             size     blob   base  protected by',
        `    2        ${time}  9\\.0 MiB  child  a b   nothing`,
        `    1        ${time}  9\\.0 MiB  a b    none  an infinite lease`,
        '',
      ].join('\n'),
    ),
  );
  const json = JSON.parse(
    (await runCli(['images', where, '--image', 'the golden one', '--json'], env)).stdout,
  ) as object;
  t.match(json, {
    vhdup: 2,
    command: 'images',
    container: where,
    images: [
      {
        image: 'the golden one',
        versions: [
          { blob: uri('child'), version: '2', completedAt: /^2\d{3}-/, base: { blob: uri('a%20b') } },
          { blob: uri('a%20b'), protection: 'an infinite lease', base: undefined },
        ],
      },
    ],
  });
  t.match(await runCli(['images', where, '--image', 'bronze'], env), {
    exitCode: 0,
    stdout: `${where}: there is no finished version of the image "bronze" in it\n`,
  });

  t.match((await runCli(['info', uri('child')], env)).stdout, /image +the golden one, version 2\n/);
  t.match((await runCli(['status', uri('silver/1')], env)).stdout, /image +silver, version x\n/);
  for (const command of ['info', 'status'])
    t.match(JSON.parse((await runCli([command, uri('child'), '--json'], env)).stdout), {
      push: { image: 'the golden one', imageVersion: '2' },
    });
});

t.test(
  'an address that is no container, a name that is none, and a container that is not there are errors',
  async (t) => {
    const { options, env, uri, gate } = await manageScene(t);
    for (const address of [
      'vhds',
      'ftp://a/b',
      uri('blob'),
      'https://acct.blob.core.windows.net/',
      `${gate.url}/UPPER`,
    ])
      t.match(await runCli(['images', address], env), { exitCode: 2 }, address);
    t.match(await runCli(['images', uri(''), '--image', 'a@1'], env), { exitCode: 2, stderr: /--image takes/ });
    await t.rejects(listImages(`${gate.url}/nothing`, options), { code: 'destination-missing' });
  },
);

t.test('push names an image by flags, and refuses wrong ones before any request', async (t) => {
  const { env, uri, scene, gate } = await manageScene(t);
  gate.hidesEmulator = true;
  for (const flags of [
    ['--image', 'a#b'],
    ['--image-tag', 'x'],
    ['--image', 'a', '--image-tag', 'x y'],
    ['--base', 'image:'],
  ])
    t.match(await runCli(['push', scene.base, uri('new'), ...flags], env), { exitCode: 2 }, flags.join(' '));
  t.match(await runCli(['push', scene.base, '--image', 'golden'], env), { exitCode: 2, stderr: /--base|DEST/ });
  t.match(await runCli(['push', scene.base, '--base', 'image:golden'], env), {
    exitCode: 2,
    stderr: /--base image:golden looks in the destination's container: name it with --to/,
  });
  t.equal(gate.records.length, 0);
  const args = ['push', scene.base, uri('new'), '--image', 'my image', '--image-tag', '007'];
  t.match(JSON.parse((await runCli([...args, '--json'], env)).stdout), { image: 'my image', imageVersion: '7' });
  t.match(await runCli(args, env), { exitCode: 0, stdout: /already[\s\S]*image +my image, version 7\n/ });
});
