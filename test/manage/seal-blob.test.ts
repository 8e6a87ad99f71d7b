import { readdirSync } from 'node:fs';
import { chmod, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { blobStatus, sealBlob, unsealBlob } from '../../src/index.js';
import { writeLeaseRecord } from '../../src/state/lease-record.js';
import { readSealRecord, writeSealRecord } from '../../src/state/seal-record.js';
import { bytesOf, factsOf } from '../support/blobs.js';
import { runCli, startCli } from '../support/cli.js';
import type { GateRecord } from '../support/gate.js';
import { killPush } from '../support/killed-push.js';
import { manageScene } from '../support/manage-scene.js';
import { ownerOf } from '../support/owners.js';

const LEASE = '6d0d4a2e-0000-4000-8000-000000000000';

t.test(
  'push --seal: the blob cannot be changed, its id is printed and kept, and the same push finds it there',
  async (t) => {
    const { container, scene, options, uri, env } = await manageScene(t);
    const args = ['push', scene.child, '--to', uri('kept'), '--seal', '--json'];
    const { exitCode, stdout, stderr } = await runCli(args, env);
    t.equal(exitCode, 0, stdout + stderr);
    const { outcome, seal } = JSON.parse(stdout) as { outcome: string; seal: { kind: string; leaseId: string } };
    t.match({ outcome, seal }, { outcome: 'pushed', seal: { kind: 'lease', leaseId: /^[0-9a-f-]{36}$/ } });
    await t.rejects(container.getPageBlobClient('kept').clearPages(0, 512), /lease/i);
    await t.rejects(container.getPageBlobClient('kept').delete(), /lease/i);
    t.match(await factsOf(container, 'kept'), { leaseState: 'leased', metadata: { vhdup_state: 'complete' } });
    t.ok((await bytesOf(container, 'kept')).subarray(0, -512).equals(scene.content));
    const files = await readdir(options.stateFolder);
    t.equal(files.length, 1, 'the record of the push is gone, that of the seal stays');
    if (process.platform !== 'win32')
      t.equal((await stat(join(options.stateFolder, files[0] ?? ''))).mode & 0o777, 0o600);

    t.match(JSON.parse((await runCli(args, env)).stdout), { outcome: 'already-there', seal });
    t.match(await blobStatus(uri('kept'), options), {
      state: 'complete',
      protection: 'an infinite lease',
      lease: { infinite: true, isSealedFromHere: true },
    });
    const unsealed = await runCli(['unseal', uri('kept')], env);
    t.equal(unsealed.exitCode, 0, unsealed.stderr);
    t.equal((await factsOf(container, 'kept'))?.leaseState, 'available');
    t.strictSame(await readdir(options.stateFolder), []);
  },
);

t.test('there is no moment without a lease between the last write and the seal', async (t) => {
  const { container, scene, uri, pushed, gate } = await manageScene(t);
  const states: (string | undefined)[] = [];
  let isComplete = false;
  gate.onAnswer = async ({ kind, url }) => {
    if (kind === 'metadata') isComplete = (await factsOf(container, 'gapless'))?.metadata['vhdup_state'] === 'complete';
    if (isComplete && url.includes('/gapless')) states.push((await factsOf(container, 'gapless'))?.leaseState);
    return undefined;
  };
  await pushed(scene.child, { to: uri('gapless'), seal: { kind: 'lease' } });
  t.ok(states.length >= 3, `${states.length} requests since`);
  t.ok(
    states.every((state) => state === 'leased'),
    states.join(' '),
  );
});

t.test(
  'a push that was complete is sealed by the same command with --seal; what a crashed push left is not taken for the seal',
  async (t) => {
    const { container, scene, options, uri, pushed, gate } = await manageScene(t);
    await pushed(scene.base, { to: uri('at-once'), seal: { kind: 'lease' } });
    const ofPush = String(
      gate.records.find(({ kind, headers }) => kind === 'lease' && headers['x-ms-lease-action'] === 'acquire')?.headers[
        'x-ms-proposed-lease-id'
      ],
    );
    await pushed(scene.base, { to: uri('later') });
    const { outcome, seal } = await pushed(scene.base, { to: uri('later'), seal: { kind: 'lease' } });
    t.match({ outcome, seal }, { outcome: 'already-there', seal: { kind: 'lease', leaseId: /./ } });

    const gone = startCli(['--version'], {});
    await gone.ended;
    await writeLeaseRecord(options.stateFolder, {
      uri: uri('at-once'),
      leaseId: ofPush,
      owner: ownerOf(gone.child.pid ?? 0),
    });
    t.strictSame((await pushed(scene.base, { to: uri('at-once') })).outcome, 'already-there');
    t.equal(
      (await factsOf(container, 'at-once'))?.leaseState,
      'leased',
      'the seal survives the cleaning up after a crash',
    );
    t.equal((await readSealRecord(options.stateFolder, uri('later')))?.leaseId, seal?.leaseId);
    await t.rejects(
      pushed(scene.child, { to: uri('later'), overwrite: true }),
      { code: 'destination-busy' },
      'also --overwrite does not replace it',
    );
  },
);

for (const { command, again, step, moment, isSame } of [
  { command: 'push', again: 'push', step: 'the lease gets the id of the seal', moment: 'before', isSame: false },
  { command: 'push', again: 'seal', step: 'the lease gets the id of the seal', moment: 'before', isSame: false },
  { command: 'push', again: 'push', step: 'the lease gets the id of the seal', moment: 'after', isSame: true },
  { command: 'push', again: 'push', step: 'the lease becomes one without end', moment: 'before', isSame: true },
  { command: 'push', again: 'seal', step: 'the lease becomes one without end', moment: 'before', isSame: true },
  { command: 'push', again: 'push', step: 'the lease becomes one without end', moment: 'after', isSame: true },
  { command: 'seal', again: 'seal', step: 'the lease becomes one without end', moment: 'before', isSame: false },
  { command: 'seal', again: 'seal', step: 'the lease becomes one without end', moment: 'after', isSame: true },
] as const) {
  t.test(
    `${command} killed ${moment} ${step}: ${again} seals the blob at once${isSame ? ', under the id that is recorded' : ''}`,
    async (t) => {
      const { container, scene, options, uri, pushed, gate, env } = await manageScene(t);
      const to = uri('torn');
      const argsOf = (name: 'push' | 'seal') => [
        ...(name === 'push' ? ['push', scene.base, '--to', to, '--seal'] : ['seal', to]),
        '--json',
      ];
      if (command === 'seal') await pushed(scene.base, { to });
      const isSealing = () => readdirSync(options.stateFolder).some((name) => name.endsWith('.seal.json'));
      const request = ({ kind, headers }: GateRecord) =>
        kind === 'lease' &&
        (step.endsWith('end')
          ? headers['x-ms-lease-duration'] === '-1'
          : headers['x-ms-lease-action'] === 'change' && isSealing());
      t.ok(await killPush(gate, argsOf(command), env, { request, moment }));
      t.equal(
        (await factsOf(container, 'torn'))?.leaseState,
        command === 'push' || moment === 'after' ? 'leased' : 'available',
      );
      const recorded = await readSealRecord(options.stateFolder, to);
      t.ok(recorded);
      const begun = performance.now();
      const run = await runCli(argsOf(again), env);
      t.equal(run.exitCode, 0, run.stdout + run.stderr);
      t.ok(performance.now() - begun < 15_000, 'without waiting until a lease runs out');
      const { seal } = JSON.parse(run.stdout) as { seal: { kind: string; leaseId: string } };
      if (isSame) t.equal(seal.leaseId, recorded?.leaseId);
      t.strictSame(await readSealRecord(options.stateFolder, to), { uri: to, leaseId: seal.leaseId });
      t.match(await blobStatus(to, options), {
        state: 'complete',
        protection: 'an infinite lease',
        lease: { infinite: true, isSealedFromHere: true },
      });
      t.strictSame(
        (await readdir(options.stateFolder)).filter((name) => !name.endsWith('.seal.json')),
        [],
        'no record of the push is left',
      );
      t.match(await unsealBlob(to, options), { outcome: 'unsealed' });
    },
  );
}

t.test('vhdup seal: only what is finished, and only as it was seen', async (t) => {
  const { container, scene, options, uri, pushed, unfinished, gate } = await manageScene(t);
  await unfinished('half');
  await t.rejects(sealBlob(uri('half'), options), { code: 'seal-refused', message: /unfinished push/ });
  await container.getPageBlobClient('elsewhere').create(1024, { metadata: { diskmetadata: '{}' } });
  await t.rejects(sealBlob(uri('elsewhere'), options), { code: 'seal-refused', message: /another tool/ });
  await t.rejects(sealBlob(uri('nothing'), options), { code: 'destination-missing' });

  await pushed(scene.base, { to: uri('base') });
  gate.onRequest = async ({ kind }) => {
    if (kind === 'lease') await container.getPageBlobClient('base').clearPages(0, 512);
    return undefined;
  };
  await t.rejects(sealBlob(uri('base'), options), { code: 'seal-refused', message: /changed before/ });
  gate.onRequest = () => undefined;
  t.equal((await factsOf(container, 'base'))?.leaseState, 'available');
  t.equal(await readSealRecord(options.stateFolder, uri('base')), undefined);
  t.match(await sealBlob(uri('base'), options), { seal: { kind: 'lease', leaseId: /./ } });
});

t.test('unseal: by the id that is kept or given; without one it is refused, and --break ends it', async (t) => {
  const { container, scene, options, uri, pushed, env } = await manageScene(t);
  const { seal } = await pushed(scene.base, { to: uri('base'), seal: { kind: 'lease' } });
  const elsewhere = { ...options, stateFolder: join(options.stateFolder, 'other') };
  t.match(
    await sealBlob(uri('base'), elsewhere),
    { seal: { kind: 'lease', leaseId: undefined } },
    'sealed already, by somebody else',
  );
  await t.rejects(unsealBlob(uri('base'), elsewhere), { code: 'seal-refused', hint: /`leaseId`/ });
  await t.rejects(unsealBlob(uri('base'), { ...elsewhere, leaseId: LEASE }), {
    code: 'seal-refused',
    message: /another id/,
  });
  t.match(await unsealBlob(uri('base'), { ...elsewhere, leaseId: seal?.leaseId }), {
    outcome: 'unsealed',
    protection: undefined,
  });
  t.match(await unsealBlob(uri('base'), options), { outcome: 'not-sealed' });

  await sealBlob(uri('base'), options);
  await writeSealRecord(options.stateFolder, { uri: uri('base'), leaseId: LEASE });
  await t.rejects(unsealBlob(uri('base'), options), { code: 'seal-refused' });
  const asked = await runCli(['unseal', uri('base'), '--break'], env);
  t.equal(asked.exitCode, 2, 'nobody to ask');
  t.equal((await runCli(['unseal', uri('base'), '--break', '--yes'], env)).exitCode, 0);
  t.equal((await factsOf(container, 'base'))?.leaseState, 'broken');
});

t.test(
  '--seal=immutable where the service has no such policy: the push is complete, the error says so, and again only the seal is tried',
  async (t) => {
    const { container, scene, uri, gate, env } = await manageScene(t);
    const args = ['push', scene.base, '--to', uri('fixed'), '--seal=immutable', '--seal-days', '3', '--json'];
    for (const run of ['first', 'again']) {
      gate.records = [];
      const { exitCode, stdout } = await runCli(args, env);
      t.equal(exitCode, 5, stdout);
      t.match(JSON.parse(stdout), {
        error: { code: 'seal-refused', message: /complete, but not sealed/, hint: /version-level immutability/ },
      });
      t.match(await factsOf(container, 'fixed'), {
        leaseState: run === 'first' ? 'breaking' : /^(breaking|broken)$/,
        metadata: { vhdup_state: 'complete' },
      });
      if (run === 'again') t.notOk(gate.records.some(({ kind }) => kind === 'put-page' || kind === 'metadata'));
    }
    gate.onRequest = ({ url }) =>
      url.includes('comp=immutabilityPolicies')
        ? { status: 200, headers: { 'x-ms-immutability-policy-mode': 'unlocked' } }
        : undefined;
    const granted = await runCli(args, env);
    t.equal(granted.exitCode, 0, granted.stdout);
    t.match(JSON.parse(granted.stdout), { outcome: 'already-there', seal: { kind: 'immutable', until: /^\d{4}-/ } });
    const request = gate.records.find(({ url }) => url.includes('comp=immutabilityPolicies'));
    t.ok(
      Math.abs(
        Date.parse(String(request?.headers['x-ms-immutability-policy-until-date'])) - Date.now() - 3 * 86_400_000,
      ) < 120_000,
    );
    for (const flags of [
      ['--seal=immutable'],
      ['--seal=wax'],
      ['--seal-days', '3'],
      ['--seal=immutable', '--seal-until', '2020-01-01'],
      ['--seal=immutable', '--seal-until', '2027-02-30'],
    ]) {
      t.equal((await runCli(['push', scene.base, '--to', uri('x'), ...flags], env)).exitCode, 2, flags.join(' '));
    }
  },
);

for (const emulator of [false, true]) {
  t.test(
    `a sealed blob is a base${emulator ? ', also on an emulator' : ''}, and --require-sealed-base takes no other`,
    async (t) => {
      const { container, scene, options, uri, pushed, gate } = await manageScene(t);
      gate.hidesEmulator = !emulator;
      await pushed(scene.base, { to: uri('base') });
      await t.rejects(pushed(scene.child, { base: uri('base'), to: uri('child'), requireSealedBase: true }), {
        code: 'base-mismatch',
        hint: /`sealBlob`/,
      });
      t.equal(await factsOf(container, 'child'), undefined);
      await sealBlob(uri('base'), options);
      const before = await factsOf(container, 'base');
      for (const base of [uri('base'), 'auto']) {
        const { warnings } = await pushed(scene.child, { base, to: uri('child'), requireSealedBase: true });
        t.notOk(warnings.some(({ code }) => code === 'base-not-sealed'));
        t.ok((await bytesOf(container, 'child')).subarray(0, -512).equals(scene.content));
        t.strictSame(await factsOf(container, 'base'), before);
        await container.getBlobClient('child').delete();
      }
      await unsealBlob(uri('base'), options);
      const { base } = await pushed(scene.child, { base: 'auto', to: uri('child'), requireSealedBase: true });
      t.equal(base, undefined, 'auto passes over what is not sealed');
      let snapshots = 0;
      for await (const { snapshot } of container.listBlobsFlat({ includeSnapshots: true }))
        snapshots += snapshot ? 1 : 0;
      t.equal(snapshots, 0);
    },
  );
}

t.test('where the id of a seal cannot be kept, it is told', async (t) => {
  const { scene, options, uri, pushed } = await manageScene(t);
  const file = join(options.stateFolder, 'file');
  await writeFile(file, '');
  await chmod(file, 0o600);
  const { seal, warnings } = await pushed(scene.base, {
    to: uri('base'),
    seal: { kind: 'lease' },
    stateFolder: join(file, 'below'),
  });
  t.match(
    warnings.find(({ code }) => code === 'seal-id-not-recorded'),
    { hint: `keep it yourself: ${seal?.leaseId ?? 'none'}` },
  );
});
