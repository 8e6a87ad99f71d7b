import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import t from 'tap';
import { writeImage } from '../../fixtures/vhd.js';
import { fixedFooterOf, makePushPlan, openDisk, planPush } from '../../src/index.js';
import { parseBlobUri } from '../../src/azure/location.js';
import { Upload } from '../../src/push/upload.js';
import { scan } from '../../src/content/scan.js';
import { Session } from '../../src/session/session.js';
import { stage } from '../support/stage.js';

const MIB = 1024 ** 2;
const TIB = 1024 ** 4;

t.test('a chain of 2,040 GiB is planned to its last sector, over a base of the same size', async (t) => {
  const { folder, container, options, uri } = await stage(t);
  const size = 2040 * 1024 ** 3;
  const base = await writeImage({
    path: join(folder, 'base.vhd'),
    type: 'dynamic',
    size,
    writes: [{ offset: size - MIB, data: randomBytes(512) }],
  });
  const child = await writeImage({
    path: join(folder, 'child.vhd'),
    type: 'differencing',
    size,
    parent: base,
    writes: [
      { offset: (3 * TIB) / 2, data: randomBytes(512) },
      { offset: size - 512, data: randomBytes(512) },
    ],
  });
  const blob = container.getPageBlobClient('base');
  await blob.create(size + 512);
  await using ancestor = await openDisk(base.path);
  await blob.uploadPages(fixedFooterOf(ancestor), size, 512);
  await using disk = await openDisk(child.path);
  const { plan } = await planPush(disk, { ...options, to: uri('child'), base: uri('base'), baseCheck: 'id' });
  t.equal(plan.size, size + 512);
  t.strictSame(plan.write, [
    { offset: (3 * TIB) / 2, length: 512 },
    { offset: size - 512, length: 512 },
  ]);
  t.strictSame(plan.footer, { offset: size, length: 512 });
});

t.test('the last pages of a disk and a blob of 8 TiB are sent to their place', async (t) => {
  const { folder, container, options, uri } = await stage(t);
  const path = join(folder, 'huge.vhd');
  const size = 8 * TIB - 512;
  const data = randomBytes(MIB);
  try {
    await writeImage({ path, type: 'fixed', size, writes: [{ offset: size - MIB, data }] });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EFBIG') throw error;
    t.pass('the file system has no files of 8 TiB');
    return;
  }
  const client = container.getPageBlobClient('huge');
  await client.create(8 * TIB);
  const session = new Session(options);
  const blob = await session.blob(parseBlobUri(uri('huge')));
  const writer = { write: (...write: readonly [number, Uint8Array, Uint8Array]) => blob.write(...write, {}) };
  await using disk = await openDisk(path);
  const ranges = [
    { offset: 4 * TIB, length: MIB },
    { offset: size - 2 * MIB, length: 2 * MIB },
  ];
  await using upload = new Upload(session, {
    writer,
    plan: makePushPlan({ size, extents: [{ offset: 0, length: size, kind: 'data' }], gap: 0 }),
    left: ranges,
    limit: session.scheduler.newLimit(),
  });
  await scan(session, disk, [upload], () => 4);
  t.match(upload.sent, { bytes: MIB, zeros: 2 * MIB });
  t.ok((await client.downloadToBuffer(size - MIB, MIB)).equals(data));
});
