import { hostname } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { writeImage } from '../../fixtures/vhd.js';
import { blobStatus, openDisk, planPush } from '../../src/index.js';
import { writeLeaseRecord } from '../../src/state/lease-record.js';
import { thisOwner } from '../../src/state/owner.js';
import { factsOf } from '../support/blobs.js';
import { runCli } from '../support/cli.js';
import { manageScene } from '../support/manage-scene.js';

const MIB = 1024 ** 2;

t.test('status tells each state in which a push can be', async (t) => {
  const { container, scene, options, uri, pushed, unfinished, gate, env } = await manageScene(t);
  t.match(await blobStatus(uri('nothing'), options), { exists: false, state: 'none' });

  await container.getPageBlobClient('foreign').create(1024);
  t.match(await blobStatus(uri('foreign'), options), {
    exists: true,
    state: 'none',
    push: undefined,
    blobSize: 1024,
    allocated: 0,
  });
  await container.getPageBlobClient('elsewhere').create(1024, { metadata: { localmetadata: '<x/>' } });
  t.match(await blobStatus(uri('elsewhere'), options), { state: 'unfinished-elsewhere' });

  await pushed(scene.base, { to: uri('base') });
  t.match(await blobStatus(uri('base'), options), {
    state: 'complete',
    push: { id: scene.ids.base, holder: undefined },
    lease: { state: 'available', holder: undefined },
  });
  t.equal(
    (await factsOf(container, 'base'))?.metadata['vhdup_holder'],
    undefined,
    'no host name is left on a finished blob',
  );

  await unfinished('writing');
  t.match(await blobStatus(uri('writing'), options), {
    state: 'writing',
    allocated: 0,
    blobSize: scene.content.length + 512,
  });
  t.match((await factsOf(container, 'writing'))?.metadata['vhdup_holder'], new RegExp(`/${process.pid}$`));

  gate.hidesEmulator = true;
  gate.onRequest = ({ kind }) => (kind === 'clear-pages' ? { status: 403 } : undefined);
  await pushed(scene.child, { base: uri('base'), to: uri('clearing') }).catch(() => undefined);
  gate.onRequest = () => undefined;
  const clearing = await blobStatus(uri('clearing'), options);
  t.match(clearing, { state: 'clearing', push: { base: { id: scene.ids.base } }, copy: { status: 'success' } });
  const { stdout, exitCode } = await runCli(['status', uri('clearing')], env);
  t.equal(exitCode, 0);
  t.match(
    stdout,
    /clearing: not finished[\s\S]*left +at most \d+\.\d KiB; vhdup push … --dry-run shows how much of it is there/,
  );
  t.match(JSON.parse((await runCli(['status', uri('clearing'), '--json'], env)).stdout), {
    vhdup: 2,
    state: 'clearing',
    lease: { infinite: false },
  });
});

t.test('status and a dry run say how many bytes of an interrupted push are left', async (t) => {
  const { folder, container, options, uri, pushed, gate, env } = await manageScene(t);
  // Each write makes a block of 2 MiB, all of it marked as written.
  const writes = [0, 1, 2, 3].map((index) => ({ offset: index * 4 * MIB, data: Buffer.alloc(MIB, index + 1) }));
  const { path } = await writeImage({ path: join(folder, 'four.vhd'), type: 'dynamic', size: 16 * MIB, writes });
  let puts = 0;
  gate.onRequest = ({ kind }) => (kind === 'put-page' && ++puts > 1 ? { status: 403 } : undefined);
  await t.rejects(pushed(path, { to: uri('four'), concurrency: 1 }));
  gate.onRequest = () => undefined;
  const there = (await blobStatus(uri('four'), options)).allocated ?? 0;
  t.ok(there > 0 && there < 4 * MIB, `${there} bytes are there`);
  t.match(await blobStatus(uri('four'), options), {
    state: 'writing',
    left: 8 * MIB - there,
    push: { toWrite: 8 * MIB },
  });
  t.match(
    (await runCli(['status', uri('four')], env)).stdout,
    /left +about \d\.\d MiB of the 8\.0 MiB that the push sends at most/,
  );
  {
    await using disk = await openDisk(path);
    t.match(await planPush(disk, { ...options, to: uri('four') }), { action: 'resume', left: 8 * MIB - there });
    t.equal((await planPush(disk, { ...options, to: uri('new') })).left, undefined, 'nothing is to be resumed');
  }
  const dryRun = await runCli(['push', path, '--to', uri('four'), '--dry-run'], env);
  t.match(dryRun.stdout, /left +at most \d\.\d MiB of 8\.0 MiB/);

  const record = (await factsOf(container, 'four'))?.metadata ?? {};
  const { vhdup_to_write: toWrite, ...older } = record;
  t.equal(toWrite, String(8 * MIB));
  await container.getPageBlobClient('four').setMetadata(older);
  t.equal((await blobStatus(uri('four'), options)).left, undefined, 'the record of an older version does not say');
  t.match((await runCli(['status', uri('four')], env)).stdout, /left +known only with the disk/);

  await pushed(path, { to: uri('four') });
  t.equal((await blobStatus(uri('four'), options)).left, undefined, 'nothing is left');
});

t.test('what is left over a base: all, as long as pages of the base may still be there', async (t) => {
  const { scene, options, uri, pushed, gate } = await manageScene(t);
  await pushed(scene.base, { to: uri('base') });
  const left = async (kind: 'clear-pages' | 'put-page', name: string) => {
    gate.hidesEmulator = true;
    let puts = 0;
    gate.onRequest = (request) => (request.kind === kind && ++puts > 1 ? { status: 403 } : undefined);
    await t.rejects(pushed(scene.child, { base: uri('base'), to: uri(name), concurrency: 1 }));
    gate.onRequest = () => undefined;
    await using disk = await openDisk(scene.child);
    const planned = await planPush(disk, { ...options, base: uri('base'), to: uri(name) });
    const total = planned.plan.write.reduce((sum, { length }) => sum + length, 0);
    const { left: shown, state } = await blobStatus(uri(name), options);
    t.equal(shown, total, `${state}: status does not know what of it is there`);
    return { state, left: planned.left, total };
  };
  const clearing = await left('clear-pages', 'clearing');
  t.match(clearing, { state: 'clearing', left: clearing.total });
  const writing = await left('put-page', 'writing');
  t.equal(writing.state, 'writing');
  t.ok(writing.left !== undefined && writing.left < writing.total, 'a dry run knows what was written');
});

t.test('status tells how far a pending copy is', async (t) => {
  const { container, options, uri, gate, env } = await manageScene(t);
  await container
    .getPageBlobClient('copying')
    .create(1024, { metadata: { vhdup_version: '1', vhdup_state: 'clearing', vhdup_fingerprint: 'f' } });
  gate.onRequest = ({ kind }) =>
    kind === 'properties'
      ? {
          status: 200,
          headers: {
            etag: '"0x1"',
            'last-modified': 'Sat, 21 Nov 2026 08:00:00 GMT',
            'content-length': '2097664',
            'x-ms-blob-type': 'PageBlob',
            'x-ms-copy-id': 'c',
            'x-ms-copy-status': 'pending',
            'x-ms-copy-progress': '1048576/2097664',
            'x-ms-meta-vhdup_version': '1',
            'x-ms-meta-vhdup_state': 'clearing',
            'x-ms-meta-vhdup_fingerprint': 'f',
          },
        }
      : undefined;
  t.match(await blobStatus(uri('copying'), options), {
    state: 'clearing',
    copy: { status: 'pending', done: 1048576, total: 2097664 },
    allocated: undefined,
  });
  t.match((await runCli(['status', uri('copying')], env)).stdout, /copy\s+pending, 1\.0 MiB of 2\.0 MiB \(49 %\)/);
});

t.test('status tells who holds the lease: by the metadata, on this machine by its own record', async (t) => {
  const { container, options, uri } = await manageScene(t);
  const metadata = { vhdup_version: '1', vhdup_state: 'writing', vhdup_fingerprint: 'f', vhdup_holder: 'web-7/1234' };
  const blob = container.getPageBlobClient('held');
  await blob.create(1024, { metadata });
  t.match(await blobStatus(uri('held'), options), { lease: { state: 'available', holder: undefined } });
  await blob.getBlobLeaseClient('6d0d4a2e-0000-4000-8000-000000000000').acquireLease(60);
  t.match((await blobStatus(uri('held'), options)).lease, {
    state: 'leased',
    infinite: false,
    holder: { host: 'web-7', pid: 1234, isThisMachine: false },
  });
  await writeLeaseRecord(options.stateFolder, { uri: uri('held'), leaseId: 'x', owner: thisOwner() });
  t.match((await blobStatus(uri('held'), options)).lease, {
    holder: { host: hostname(), pid: process.pid, isThisMachine: true, isAlive: true },
  });

  const liar = container.getPageBlobClient('liar');
  await liar.create(1024, { metadata: { ...metadata, vhdup_holder: 'a b/1; rm' } });
  await liar.getBlobLeaseClient('6d0d4a2e-0000-4000-8000-000000000001').acquireLease(-1);
  t.match((await blobStatus(uri('liar'), options)).lease, {
    infinite: true,
    holder: undefined,
    isSealedFromHere: false,
  });
});
