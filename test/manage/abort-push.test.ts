import { readdir } from 'node:fs/promises';
import t from 'tap';
import { abortPush } from '../../src/index.js';
import { writeLeaseRecord } from '../../src/state/lease-record.js';
import { bytesOf, factsOf } from '../support/blobs.js';
import { runCli, startCli } from '../support/cli.js';
import { startGate } from '../support/gate.js';
import { manageScene } from '../support/manage-scene.js';
import { ownerOf } from '../support/owners.js';

const LEASE = '6d0d4a2e-0000-4000-8000-000000000000';

t.test('abort deletes an unfinished push, and what it left; the same push can be begun anew', async (t) => {
  const { container, scene, options, uri, pushed, unfinished, env } = await manageScene(t);
  await unfinished('half');
  t.match(await abortPush(uri('half'), options), {
    outcome: 'deleted',
    state: 'writing',
    blobSize: scene.content.length + 512,
  });
  t.equal(await factsOf(container, 'half'), undefined);
  t.strictSame(await readdir(options.stateFolder), [], 'no record is left');
  await t.rejects(abortPush(uri('half'), options), { code: 'destination-missing' });
  t.equal((await pushed(scene.child, { to: uri('half') })).outcome, 'pushed');

  await unfinished('half2');
  const { exitCode, stdout } = await runCli(['abort', uri('half2'), '--yes', '--json'], env);
  t.equal(exitCode, 0, stdout);
  t.match(JSON.parse(stdout), { vhdup: 2, outcome: 'deleted' });
});

t.test('abort leaves finished and foreign blobs alone', async (t) => {
  const { container, scene, options, uri, pushed, env } = await manageScene(t);
  await pushed(scene.base, { to: uri('finished') });
  await container.getPageBlobClient('foreign').create(1024);
  await container.getPageBlobClient('elsewhere').create(1024, { metadata: { localmetadata: 'x' } });
  await container
    .getPageBlobClient('later')
    .create(1024, { metadata: { vhdup_version: '2', vhdup_state: 'writing', vhdup_fingerprint: 'f' } });
  for (const [name, message] of [
    ['finished', /finished push/],
    ['foreign', /no push of vhdup/],
    ['elsewhere', /another tool/],
    ['later', /another tool/],
  ] as const) {
    await t.rejects(abortPush(uri(name), options), { code: 'destination-exists', message });
    t.ok(await factsOf(container, name), name);
  }
  t.equal((await runCli(['abort', uri('finished'), '--yes'], env)).exitCode, 5);
  await t.rejects(abortPush(`${uri('finished')}?snapshot=2020-01-01T00:00:00.0000000Z`, options), { code: 'usage' });
});

t.test(
  'without a terminal abort does nothing but with --yes; asked on one, anything but yes leaves the blob',
  async (t) => {
    const { container, options, uri, unfinished, env } = await manageScene(t);
    await unfinished('half');
    const silent = await runCli(['abort', uri('half')], env);
    t.equal(silent.exitCode, 2);
    t.match(silent.stderr, /--yes/);
    await t.rejects(abortPush(uri('half'), { ...options, confirm: async () => false }), { code: 'cancelled' });
    t.ok(await factsOf(container, 'half'));
  },
);

t.test('a push that ends, or is replaced, before it is deleted stays', async (t) => {
  const { container, scene, options, uri, pushed, unfinished, gate } = await manageScene(t);
  await unfinished('racing');
  const finish = async () => {
    await pushed(scene.child, { to: uri('racing') });
    return true;
  };
  await t.rejects(abortPush(uri('racing'), { ...options, confirm: finish }), {
    code: 'destination-exists',
    message: /finished push/,
  });
  t.ok((await bytesOf(container, 'racing')).subarray(0, -512).equals(scene.content));
  t.match((await factsOf(container, 'racing'))?.leaseState, /^(breaking|broken)$/, 'the lease ends by itself');

  await unfinished('late');
  let isChanged = false;
  gate.onRequest = async ({ kind, url, headers }) => {
    // The list of leaves is deleted first.
    if (kind !== 'delete' || url.includes('vhdup-leaves') || isChanged) return undefined;
    isChanged = true;
    await container
      .getPageBlobClient('late')
      .clearPages(0, 512, { conditions: { leaseId: String(headers['x-ms-lease-id']) } });
    return undefined;
  };
  await t.rejects(abortPush(uri('late'), options), { code: 'destination-busy', message: /written to meanwhile/ });
  t.ok(isChanged);
  t.match(await factsOf(container, 'late'), { leaseState: 'available', metadata: { vhdup_state: 'writing' } });
});

t.test(
  'a lease that somebody holds is respected, and the error names who; that of a crashed process here is taken over',
  async (t) => {
    const { container, scene, options, uri, pushed, unfinished } = await manageScene(t);
    await unfinished('held');
    const blob = container.getPageBlobClient('held');
    await blob.setMetadata({ ...(await factsOf(container, 'held'))?.metadata, vhdup_holder: 'web-7/1234' });
    await blob.getBlobLeaseClient(LEASE).acquireLease(-1);
    await t.rejects(abortPush(uri('held'), options), {
      code: 'destination-busy',
      message: /held by web-7, process 1234/,
    });
    await t.rejects(
      pushed(scene.child, { to: uri('held') }),
      { code: 'destination-busy', message: /held by web-7, process 1234/ },
      'a push says it too',
    );
    await t.rejects(
      pushed(scene.middle, { to: uri('held') }),
      { code: 'destination-exists', message: /its writer is web-7, process 1234/ },
      'and one of another disk',
    );
    await t.rejects(
      pushed(scene.middle, { to: uri('held'), overwrite: true }),
      { code: 'destination-busy', message: /held by web-7, process 1234/ },
      'also with --overwrite',
    );
    t.ok(await factsOf(container, 'held'));
    await blob.getBlobLeaseClient(LEASE).releaseLease();

    await blob.getBlobLeaseClient(LEASE).acquireLease(60);
    const gone = startCli(['--version'], {});
    await gone.ended;
    await writeLeaseRecord(options.stateFolder, {
      uri: uri('held'),
      leaseId: LEASE,
      owner: ownerOf(gone.child.pid ?? 0),
    });
    const began = performance.now();
    t.match(await abortPush(uri('held'), options), { outcome: 'deleted' });
    t.ok(performance.now() - began < 15_000, 'without waiting for the lease to run out');
  },
);

t.test("who goes on with another machine's push says so on the blob, and trusts what is there as before", async (t) => {
  const { container, scene, uri, pushed, unfinished, gate } = await manageScene(t);
  await unfinished('moved');
  const blob = container.getPageBlobClient('moved');
  const before = (await factsOf(container, 'moved'))?.metadata;
  await blob.setMetadata({ ...before, vhdup_holder: 'web-7/1234', vhdup_times: 'of another machine' });
  let seen: Record<string, string> | undefined;
  gate.onAnswer = async ({ kind }) => {
    if (kind === 'metadata') seen ??= (await factsOf(container, 'moved'))?.metadata;
    return undefined;
  };
  t.equal((await pushed(scene.child, { to: uri('moved') })).outcome, 'resumed');
  t.notMatch(seen?.['vhdup_lease'], before?.['vhdup_lease'], 'the lease is another one');
  t.strictSame(
    seen,
    { ...before, vhdup_times: 'of another machine', vhdup_lease: seen?.['vhdup_lease'] },
    'the holder is the one of this run, all else is as it was',
  );
});

t.test('a pending copy is aborted first', async (t) => {
  const { container, options, uri, unfinished, gate } = await manageScene(t);
  await unfinished('copying');
  const metadata = Object.fromEntries(
    Object.entries((await factsOf(container, 'copying'))?.metadata ?? {}).map(([key, value]) => [
      `x-ms-meta-${key}`,
      value,
    ]),
  );
  let isAborted = false;
  gate.onRequest = ({ kind, url }) => {
    if (kind === 'abort-copy') {
      isAborted = url.includes('copyid=c-1');
      return { status: 204 };
    }
    if (kind !== 'properties' || isAborted) return undefined;
    return {
      status: 200,
      headers: {
        etag: '"0x1"',
        'last-modified': 'Sat, 21 Nov 2026 08:00:00 GMT',
        'content-length': '1024',
        'x-ms-blob-type': 'PageBlob',
        'x-ms-copy-id': 'c-1',
        'x-ms-copy-status': 'pending',
        'x-ms-copy-progress': '0/1024',
        ...metadata,
      },
    };
  };
  await abortPush(uri('copying'), options);
  t.ok(isAborted);
  t.strictSame(
    gate.records
      .filter(({ kind }) => ['abort-copy', 'lease', 'delete'].includes(kind))
      .map(({ kind }) => kind)
      .filter((kind, at, all) => kind !== all[at - 1])
      .slice(-4),
    ['abort-copy', 'lease', 'delete', 'lease'],
  );
  t.equal(await factsOf(container, 'copying'), undefined);
});

t.test(
  'on an emulator the temporary snapshot of the base goes too, other snapshots stay, and no metadata leads elsewhere',
  async (t) => {
    const { container, scene, options, uri, pushed, gate } = await manageScene(t);
    await pushed(scene.base, { to: uri('base') });
    const own = await container.getPageBlobClient('base').createSnapshot();
    gate.onAnswer = ({ kind }) => (kind === 'copy' ? 'drop' : undefined);
    gate.onRequest = ({ kind }) => (kind === 'lease' ? { status: 403 } : undefined);
    await pushed(scene.child, { base: uri('base'), to: uri('over') }).catch(() => undefined);
    gate.onAnswer = () => undefined;
    gate.onRequest = () => undefined;
    const snapshots = async () => {
      const found: string[] = [];
      for await (const { snapshot } of container.listBlobsFlat({ includeSnapshots: true }))
        if (snapshot) found.push(snapshot);
      return found;
    };
    t.equal((await snapshots()).length, 2);
    await abortPush(uri('over'), options);
    t.strictSame(await snapshots(), [own.snapshot]);

    const foreign = await startGate(gate);
    t.teardown(() => foreign.stop());
    await container.getPageBlobClient('lure').create(1024, {
      metadata: {
        vhdup_version: '1',
        vhdup_state: 'clearing',
        vhdup_fingerprint: 'f',
        vhdup_base: `${foreign.url}/vhds/base`,
        vhdup_base_etag: 'x',
        vhdup_base_id: 'x',
      },
    });
    await abortPush(uri('lure'), options);
    t.equal(foreign.records.length, 0);
  },
);
