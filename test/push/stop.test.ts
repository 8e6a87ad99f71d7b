import { createHash, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import t from 'tap';
import { writeImage } from '../../fixtures/vhd.js';
import { credentialsFor } from '../../src/azure/credential.js';
import { parseBlobUri } from '../../src/azure/location.js';
import { PageBlob } from '../../src/azure/page-blob.js';
import { Retrier } from '../../src/run/retry.js';
import { AZURE_ERRORS } from '../../src/azure/service-error.js';
import { stage } from '../support/stage.js';

const MIB = 1024 ** 2;

t.test('a stop on request lets the writes under way end before the lease is given back', async (t) => {
  const { folder, gate, pushed, uri } = await stage(t);
  const { path } = await writeImage({
    path: join(folder, 'a.vhd'),
    type: 'dynamic',
    size: 64 * MIB,
    writes: [{ offset: 0, data: randomBytes(56 * MIB) }],
  });
  const controller = new AbortController();
  let third = () => undefined as void;
  const threeAreHere = new Promise<void>((resolve) => {
    third = resolve;
  });
  let underWay = 0;
  let puts = 0;
  gate.onRequest = async ({ kind, headers }) => {
    if (kind === 'lease' && headers['x-ms-lease-action'] === 'release')
      t.equal(underWay, 0, 'writes under way at the release');
    if (kind !== 'put-page') return;
    underWay++;
    if (++puts === 3) third();
    await threeAreHere;
    controller.abort();
    // Long enough for whoever does not wait.
    for (let turn = 0; turn < 200; turn++)
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
    underWay--;
  };
  await t.rejects(pushed(path, { to: uri('a'), signal: controller.signal, concurrency: 4 }), { code: 'cancelled' });
  const written = gate.records.filter(({ kind }) => kind === 'put-page');
  t.ok(written.length >= 3);
  t.strictSame(
    written.filter(({ status }) => status !== 201),
    [],
  );
});

t.test('a permanent error cuts off what else runs, also within one window', async (t) => {
  const { folder, gate, pushed, uri } = await stage(t);
  const writes = Array.from({ length: 4 }, (_, index) => ({ offset: index * 512 * 1024, data: randomBytes(4096) }));
  const { path } = await writeImage({ path: join(folder, 'a.vhd'), type: 'dynamic', size: 4 * MIB, writes });
  let puts = 0;
  // Three are refused; the first is to be tried again in an hour, but for the error.
  gate.onRequest = ({ kind }) =>
    kind !== 'put-page'
      ? undefined
      : ++puts === 1
        ? { status: 503, headers: { 'retry-after': '110' } }
        : { status: 403 };
  await t.rejects(pushed(path, { to: uri('a'), concurrency: 4 }), { code: 'not-authorised' });
  t.ok(puts <= 4, 'and is not');
});

t.test('pages are written to blobs of any name', async (t) => {
  const { container, options, uri } = await stage(t);
  const never = new AbortController().signal;
  for (const name of [
    'a b.vhd',
    'ünï—日本.vhd',
    "it's (1)!.vhd",
    '100%.vhd',
    'a+b&c=d.vhd',
    'x/y/z.vhd',
    '%41.vhd',
    'a~b@c,;$.vhd',
    'q?x#y.vhd',
  ]) {
    const location = { ...parseBlobUri(uri('any')), name };
    const blob = new PageBlob(
      location,
      await credentialsFor(location, options.environment),
      new Retrier({ cancel: never, abort: never }, AZURE_ERRORS),
    );
    await blob.create(1024, {}, {});
    const bytes = randomBytes(512);
    await blob.write(512, bytes, createHash('md5').update(bytes).digest(), {});
    t.ok((await container.getBlobClient(name).downloadToBuffer(512, 512)).equals(bytes), name);
    await blob.clear({ offset: 512, length: 512 }, {});
    t.ok(
      (await container.getBlobClient(name).downloadToBuffer(512, 512)).equals(Buffer.alloc(512)),
      `${name}, cleared`,
    );
  }
});

t.test('what a listener throws ends the push, also from the event of a request, and not the process', async (t) => {
  const { folder, pushed, uri } = await stage(t);
  const { path } = await writeImage({
    path: join(folder, 'a.vhd'),
    type: 'dynamic',
    size: 8 * MIB,
    writes: [{ offset: 0, data: randomBytes(MIB) }],
  });
  for (const type of ['request', 'progress'])
    await t.rejects(
      pushed(path, {
        to: uri(type),
        requestEvents: true,
        onEvent: (event) => {
          if (event.type === type) throw new Error('of the listener');
        },
      }),
      { message: 'of the listener' },
    );
});
