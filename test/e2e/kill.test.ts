import { join } from 'node:path';
import type { ContainerClient } from '@azure/storage-blob';
import t, { type Test } from 'tap';
import { openDisk, push } from '../../src/index.js';
import { forEachLimited, newLimit } from '../../src/run/concurrency.js';
import { startAzurite, type Azurite } from '../support/azurite.js';
import { bytesOf, containerOf, endBreak, factsOf } from '../support/blobs.js';
import { runCli } from '../support/cli.js';
import { temporaryFolder } from '../support/folder.js';
import type { GateRecord } from '../support/gate.js';
import { gateFor, halfImageAt, killPush, putsIn, type KillPoint } from '../support/killed-push.js';
import { isRun } from '../support/scale.js';
import { threeLevels, type Scene } from '../support/push-scene.js';

interface Setting {
  readonly azurite: Azurite;
  readonly container: ContainerClient;
  readonly folder: string;
  readonly scene: Scene;
  /** Push over the base; else everything. */
  readonly iterative: boolean;
}

/** Kills a push when request `at` has been served and its answer lost, and resumes it; false where it ended before that. */
async function killAndResume(
  t: Test,
  { azurite, container, folder, scene, iterative }: Setting,
  at: number,
  otherMachine = false,
): Promise<boolean> {
  return gateFor(azurite, false, async (gate) => {
    const name = `killed-${at}${otherMachine ? '-elsewhere' : ''}`;
    const [to, base] = [`${gate.url}/vhds/${name}`, `${gate.url}/vhds/base.vhd`];
    const stateFolder = join(folder, `state-${name}`);
    const args = ['push', scene.child, '--to', to, ...(iterative ? ['--base', base] : [])];
    if (!(await killPush(gate, args, { ...gate.env, VHDUP_STATE_DIR: stateFolder }, { request: at, moment: 'after' })))
      return false;
    t.equal(
      await halfImageAt(container, name, scene.content, scene.baseContent),
      undefined,
      `no half image after request ${at}`,
    );
    const written = putsIn(gate.records);
    gate.records = [];
    await using disk = await openDisk(scene.child);
    await push(disk, {
      to,
      environment: gate.env,
      stateFolder: otherMachine ? join(folder, 'other-state') : stateFolder,
      cacheFolder: false,
      ...(iterative ? { base } : {}),
    });
    t.ok(
      (await bytesOf(container, name)).subarray(0, -512).equals(scene.content),
      `equal bytes after a kill at request ${at}`,
    );
    t.match(await factsOf(container, name), {
      metadata: { vhdup_state: 'complete' },
      leaseState: /^(breaking|broken|available)$/,
      contentMd5: /./,
    });
    const again = putsIn(gate.records).filter(({ offset }) => offset < scene.content.length);
    t.notOk(
      again.some(({ offset, length }) =>
        written.some((other) => offset < other.offset + other.length && other.offset < offset + length),
      ),
      'nothing that was written is sent again',
    );
    return true;
  });
}

const VARIANTS = [
  { what: 'an iterative push on the service', iterative: true, upTo: Infinity },
  // From there on it goes as the other.
  { what: 'a full push, until its first writes', iterative: false, upTo: 11 },
];

for (const { what, upTo, ...variant } of VARIANTS) {
  t.test(`${what}, killed after each of its requests, is resumed to equal bytes`, async (t) => {
    const folder = await temporaryFolder(t);
    const azurite = await startAzurite();
    t.teardown(() => azurite.stop());
    const container = await containerOf(azurite, 'vhds');
    const scene = await threeLevels(folder);
    await runCli(['push', scene.base, '--to', `${azurite.url}/vhds/base.vhd`], azurite.env);
    await endBreak(container, 'base.vhd');
    const base = await factsOf(container, 'base.vhd');
    let isOver = false;
    const points = function* () {
      for (let at = 1; at <= upTo && !isOver; at++) if (isRun(at)) yield at;
    };
    await forEachLimited(
      points(),
      newLimit(2),
      async (at) => {
        if (!(await killAndResume(t, { azurite, container, folder, scene, ...variant }, at))) isOver = true;
      },
      () => undefined,
    );
    t.equal(isOver, upTo === Infinity, 'every request was a point');
    t.strictSame(await factsOf(container, 'base.vhd'), base, 'the base is as it was');
    t.ok((await bytesOf(container, 'base.vhd')).subarray(0, -512).equals(scene.baseContent));
  });
}

t.test('another machine resumes too, once the lease has run out', async (t) => {
  const folder = await temporaryFolder(t);
  const azurite = await startAzurite();
  t.teardown(() => azurite.stop());
  const container = await containerOf(azurite, 'vhds');
  const scene = await threeLevels(folder);
  await runCli(['push', scene.base, '--to', `${azurite.url}/vhds/base.vhd`], azurite.env);
  t.ok(await killAndResume(t, { azurite, container, folder, scene, iterative: true }, 20, true));
});

t.test('a process killed while it takes over the lease of a killed one leaves nothing to wait for', async (t) => {
  const folder = await temporaryFolder(t);
  const azurite = await startAzurite();
  t.teardown(() => azurite.stop());
  const container = await containerOf(azurite, 'vhds');
  const scene = await threeLevels(folder);
  await gateFor(azurite, false, async (gate) => {
    const to = `${gate.url}/vhds/twice`;
    const stateFolder = join(folder, 'state');
    const kill = (point: KillPoint) =>
      killPush(gate, ['push', scene.child, '--to', to], { ...gate.env, VHDUP_STATE_DIR: stateFolder }, point);
    t.ok(await kill({ request: ({ kind }) => kind === 'put-page', moment: 'after' }));
    const changes = ({ kind, headers }: GateRecord) => kind === 'lease' && headers['x-ms-lease-action'] === 'change';
    t.ok(await kill({ request: changes, moment: 'after' }), 'the lease has an id that only the record knows');
    t.ok(await kill({ request: changes, moment: 'before' }), 'again, before it is changed');
    const notes: string[] = [];
    await using disk = await openDisk(scene.child);
    await push(disk, {
      to,
      environment: gate.env,
      stateFolder,
      cacheFolder: false,
      onEvent: (event) => {
        if (event.type === 'note') notes.push(event.message);
      },
    });
    t.notOk(
      notes.some((note) => note.includes('waiting')),
      notes.join('; '),
    );
    t.ok((await bytesOf(container, 'twice')).subarray(0, -512).equals(scene.content));
  });
});
