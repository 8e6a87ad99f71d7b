import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { open, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { request, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { openDisk, push } from '../../src/index.js';
import { bytesOf, factsOf } from '../support/blobs.js';
import { runCli, startCli } from '../support/cli.js';
import { startGate, type GateRecord, type OwnAnswer } from '../support/gate.js';
import { threeLevels } from '../support/push-scene.js';
import { stage } from '../support/stage.js';

const MIB = 1024 * 1024;

/** A stage, a chain, and its base pushed. */
async function setting(t: Test) {
  const set = await stage(t);
  const scene = await threeLevels(set.folder);
  await set.pushed(scene.base, { to: set.uri('base.vhd') });
  return { ...set, scene };
}

const PASSING: readonly (readonly [name: string, fault: OwnAnswer | 'drop'])[] = [
  ['500 OperationTimedOut', { status: 500, headers: { 'x-ms-error-code': 'OperationTimedOut' } }],
  [
    '503 ServerBusy with Retry-After',
    { status: 503, headers: { 'x-ms-error-code': 'ServerBusy', 'retry-after': '0' } },
  ],
  ['429', { status: 429 }],
  ['408', { status: 408 }],
  ['a connection that is reset', 'drop'],
];

t.test('trouble that passes is got over, whichever request it meets', async (t) => {
  const { gate, container, scene, pushed, uri } = await setting(t);
  for (const [name, fault] of PASSING) {
    const met = new Set<string>();
    gate.onRequest = ({ kind }) => {
      if (met.has(kind)) return undefined;
      met.add(kind);
      return fault;
    };
    await pushed(scene.child, { base: uri('base.vhd'), to: uri(name) });
    t.ok((await bytesOf(container, name)).subarray(0, -512).equals(scene.content), name);
    t.ok(met.size >= 9, `${met.size} kinds of request met it`);
  }
  gate.onRequest = () => undefined;
  const lost = new Set<string>();
  gate.onAnswer = ({ kind }) => {
    if (lost.has(kind)) return undefined;
    lost.add(kind);
    return 'drop';
  };
  await pushed(scene.child, { base: uri('base.vhd'), to: uri('lost') });
  t.ok(
    (await bytesOf(container, 'lost')).subarray(0, -512).equals(scene.content),
    'a request that was served, its answer lost',
  );
  await pushed(scene.child, { to: uri('lost-full') });
  t.ok((await bytesOf(container, 'lost-full')).subarray(0, -512).equals(scene.content), 'also in a full push');
});

t.test('a permanent error ends the push soon, and what is there is resumed', async (t) => {
  const { gate, container, scene, pushed, uri } = await setting(t);
  let puts = 0;
  gate.onRequest = ({ kind }) =>
    kind === 'put-page' && ++puts > 3
      ? { status: 403, headers: { 'x-ms-error-code': 'AuthenticationFailed' } }
      : undefined;
  await t.rejects(pushed(scene.child, { to: uri('denied'), concurrency: 2 }), { code: 'not-authorised' });
  t.ok(puts <= 5, `no more than what was under way: ${puts}`);
  gate.onRequest = () => undefined;
  const { outcome } = await pushed(scene.child, { to: uri('denied') });
  t.equal(outcome, 'resumed');
  t.ok((await bytesOf(container, 'denied')).subarray(0, -512).equals(scene.content));
});

t.test(
  'a disk that changes while it is pushed: the push fails and names the file; the next one mends what was sent',
  async (t) => {
    const { gate, container, scene, pushed, uri } = await setting(t);
    const change = randomBytes(512);
    let changed = false;
    gate.onAnswer = async ({ kind }) => {
      if (kind !== 'put-page' || changed) return undefined;
      changed = true;
      const file = await open(scene.child, 'r+');
      const { size } = await file.stat();
      const block = Buffer.alloc(size);
      await file.read(block, 0, size, 0);
      const at = block.indexOf(scene.content.subarray(6 * MIB, 6 * MIB + 512));
      await file.write(change, 0, 512, at);
      await file.close();
      return undefined;
    };
    await t.rejects(pushed(scene.child, { base: uri('base.vhd'), to: uri('moving') }), {
      code: 'source-changed',
      message: /child\.vhd/,
    });
    t.ok(changed);
    t.notOk((await factsOf(container, 'moving'))?.contentMd5, 'nothing vouches for what is there');
    change.copy(scene.content, 6 * MIB);
    await pushed(scene.child, { base: uri('base.vhd'), to: uri('moving') });
    t.ok(
      (await bytesOf(container, 'moving')).subarray(0, -512).equals(scene.content),
      'the new content, no old page among it',
    );
  },
);

for (const emulator of [true, false]) {
  t.test(
    `a base that changes after it was checked is not copied ${emulator ? 'by an emulator' : 'by the service'}`,
    async (t) => {
      const { gate, container, scene, pushed, uri } = await setting(t);
      gate.hidesEmulator = !emulator;
      let changed = false;
      gate.onRequest = async ({ kind }) => {
        if (kind !== (emulator ? 'snapshot' : 'copy') || changed) return undefined;
        changed = true;
        await container.getPageBlobClient('base.vhd').uploadPages(Buffer.alloc(512, 1), 4096, 512);
        return undefined;
      };
      await t.rejects(pushed(scene.child, { base: uri('base.vhd'), to: uri('late') }), {
        code: 'base-mismatch',
        message: /changed after it was checked/,
      });
      t.ok(changed);
      t.equal(await factsOf(container, 'late'), undefined, 'no destination was made');
    },
  );
}

t.test('a lease that is broken stops the writer, and the next run goes on', async (t) => {
  const { gate, container, scene, pushed, uri } = await setting(t);
  let puts = 0;
  gate.onAnswer = async ({ kind }) => {
    if (kind === 'put-page' && ++puts === 2) await container.getBlobClient('broken').getBlobLeaseClient().breakLease(0);
    return undefined;
  };
  await t.rejects(pushed(scene.child, { to: uri('broken'), concurrency: 1 }), { code: 'lease-lost' });
  const after = gate.records.filter(
    ({ kind, url, status }) => kind === 'put-page' && url.includes('/broken') && status === 201,
  ).length;
  t.equal(after, 2, 'not one request was served after it');
  t.notOk((await factsOf(container, 'broken'))?.contentMd5);
  gate.onAnswer = () => undefined;
  await pushed(scene.child, { to: uri('broken') });
  t.ok((await bytesOf(container, 'broken')).subarray(0, -512).equals(scene.content));
});

t.test(
  'two pushes at once to one destination: one writes, the other waits or says so, and the bytes are right',
  async (t) => {
    const { gate, container, scene, env, uri } = await setting(t);
    gate.onRequest = async ({ kind }) => {
      if (kind === 'put-page') await sleep(20);
      return undefined;
    };
    const args = ['push', scene.child, '--to', uri('contended'), '--json'];
    const runs = await Promise.all([
      runCli(args, env),
      runCli(args, { ...env, VHDUP_STATE_DIR: join(env.VHDUP_STATE_DIR, 'other') }),
    ]);
    const outcomes = runs.map(({ stdout }) => JSON.parse(stdout) as { outcome?: string; error?: { code: string } });
    t.equal(
      outcomes.filter(({ outcome }) => outcome === 'pushed' || outcome === 'resumed').length,
      1,
      JSON.stringify(outcomes),
    );
    t.ok((await bytesOf(container, 'contended')).subarray(0, -512).equals(scene.content));
  },
);

t.test('Ctrl-C: what is under way is finished, exit code 130, and the same command resumes', async (t) => {
  const { gate, container, scene, env, uri } = await setting(t);
  const args = ['push', scene.child, '--base', uri('base.vhd'), '--to', uri('interrupted'), '--concurrency', '2'];
  const run = startCli(args, env);
  let puts = 0;
  gate.onRequest = async ({ kind }) => {
    if (kind !== 'put-page' || ++puts !== 2) return undefined;
    run.child.kill('SIGINT');
    await sleep(300);
    return undefined;
  };
  const { exitCode, stderr, stdout } = await run.ended;
  t.equal(exitCode, 130);
  t.match(stderr, /To go on, run the same command:\n  vhdup push /);
  t.equal(stdout, '', 'no result');
  t.ok(
    gate.records
      .filter(({ kind, url }) => kind === 'put-page' && url.includes('interrupted'))
      .every(({ status }) => status === 201),
    'no request was cut off',
  );
  t.equal((await factsOf(container, 'interrupted'))?.leaseState, 'available', 'the lease is given back');
  gate.onRequest = () => undefined;
  t.equal((await runCli(args, env)).exitCode, 0);
  t.ok((await bytesOf(container, 'interrupted')).subarray(0, -512).equals(scene.content));
});

t.test('a Clear Pages that lands late, after it was given up and sent again, wipes nothing', async (t) => {
  const { gate, container, scene, pushed, uri } = await setting(t);
  let late: GateRecord | undefined;
  let answer = 0;
  gate.onRequest = ({ kind, range, ...record }) => {
    if (kind !== 'clear-pages' || late || range?.offset !== 6 * MIB) return undefined;
    late = { ...record, kind, range };
    return 'drop';
  };
  gate.onAnswer = async ({ kind, range }) => {
    if (kind !== 'put-page' || range?.offset !== 6 * MIB || !late) return undefined;
    const { method, url, headers } = late;
    const replay = request(new URL(url, gate.url), { method, headers });
    replay.end();
    const [response] = (await once(replay, 'response')) as [IncomingMessage];
    response.resume();
    answer = response.statusCode ?? 0;
    return undefined;
  };
  await pushed(scene.child, { base: uri('base.vhd'), to: uri('late-clear') });
  t.equal(answer, 412, 'it is refused');
  t.ok((await bytesOf(container, 'late-clear')).subarray(0, -512).equals(scene.content));
});

t.test('a file that is put back with its old modification time is not taken for the one that was pushed', async (t) => {
  const { gate, container, scene, pushed, uri } = await setting(t);
  const original = await readFile(scene.child);
  const { atime, mtime } = await stat(scene.child);
  const at = original.indexOf(scene.content.subarray(6 * MIB, 6 * MIB + 512));
  let changed = false;
  gate.onRequest = async ({ kind }) => {
    if (kind !== 'clear-pages' || changed) return undefined;
    changed = true;
    await writeFile(
      scene.child,
      Buffer.concat([original.subarray(0, at), randomBytes(512), original.subarray(at + 512)]),
    );
    return undefined;
  };
  await t.rejects(pushed(scene.child, { base: uri('base.vhd'), to: uri('restored') }), { code: 'source-changed' });
  gate.onRequest = () => undefined;
  await writeFile(scene.child, original);
  await utimes(scene.child, atime, mtime);
  await pushed(scene.child, { base: uri('base.vhd'), to: uri('restored') });
  t.ok((await bytesOf(container, 'restored')).subarray(0, -512).equals(scene.content));
});

t.test('a disk that changed between its opening and the push is refused', async (t) => {
  const { container, scene, gate, folder, uri } = await setting(t);
  await using disk = await openDisk(scene.child);
  await writeFile(scene.middle, await readFile(scene.middle));
  await t.rejects(push(disk, { environment: gate.env, stateFolder: folder, to: uri('stale') }), {
    code: 'source-changed',
    message: /mïddle/,
  });
  t.equal(await factsOf(container, 'stale'), undefined);
});

t.test('--base auto follows no metadata to another server', async (t) => {
  const { gate, container, scene, pushed, uri } = await setting(t);
  const stranger = await startGate(gate);
  t.teardown(() => stranger.stop());
  const metadata = {
    vhdup_version: '1',
    vhdup_state: 'clearing',
    vhdup_fingerprint: 'x',
    vhdup_id: scene.ids.child,
    vhdup_base: `${stranger.url}/vhds/base.vhd`,
    vhdup_base_etag: 'x',
    vhdup_base_id: scene.ids.base,
  };
  await container.getPageBlobClient('lure').create(1024, { metadata });
  await t.rejects(pushed(scene.child, { base: 'auto', to: uri('lure') }), { code: 'destination-exists' });
  t.equal(stranger.records.length, 0);
});

t.test(
  'a finished blob that was written to afterwards is neither taken for what was pushed nor for a base',
  async (t) => {
    const { container, scene, pushed, uri } = await setting(t);
    const blob = container.getPageBlobClient('base.vhd');
    t.equal((await pushed(scene.base, { to: uri('base.vhd') })).outcome, 'already-there');
    const { metadata = {}, lastModified } = await blob.getProperties();
    t.ok(
      Math.abs(new Date(metadata['vhdup_completed'] ?? 0).getTime() - (lastModified?.getTime() ?? 0)) <= 5000,
      'the time of completion is noted',
    );
    await blob.setMetadata({ ...metadata, vhdup_completed: new Date(Date.now() - 60_000).toISOString() });
    await t.rejects(pushed(scene.base, { to: uri('base.vhd') }), {
      code: 'destination-exists',
      message: /written to after the push was completed/,
    });
    for (const base of [uri('base.vhd'), 'auto']) {
      const run = pushed(scene.child, { base, to: uri('over') });
      if (base === 'auto') t.equal((await run).base, undefined, 'nor found as one');
      else
        await t.rejects(run, {
          code: 'base-mismatch',
          message: /written to after it was completed/,
          hint: /`baseCheck: 'id'`/,
        });
    }
    await pushed(scene.base, { to: uri('base.vhd'), overwrite: true });
    t.equal((await pushed(scene.base, { to: uri('base.vhd') })).outcome, 'already-there', '--overwrite pushes it anew');
  },
);
