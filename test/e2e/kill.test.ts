import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { ContainerClient } from '@azure/storage-blob';
import t, { type Test } from 'tap';
import { parseFixedTail } from '../../src/disk/fixed-stream.js';
import { inParallel } from '../../src/session/parallel.js';
import { startAzurite, type Azurite } from '../support/azurite.js';
import { bytesOf, containerOf, factsOf } from '../support/blobs.js';
import { runCli, startCli } from '../support/cli.js';
import { temporaryFolder } from '../support/folder.js';
import { startGate, type GateRecord } from '../support/gate.js';
import { threeLevels, type Scene } from '../support/push-scene.js';

interface Setting {
  readonly azurite: Azurite;
  readonly container: ContainerClient;
  readonly folder: string;
  readonly scene: Scene;
  /** Flags of the push under test, but for the destination. */
  readonly flags: (azurite: Azurite) => string[];
  /** How the server presents itself: the tool takes another way to copy on an emulator. */
  readonly emulator: boolean;
}

/** Pushes through a gate of its own, kills the process when request `at` has been served, and resumes. */
async function killAndResume(t: Test, { azurite, container, folder, scene, flags, emulator }: Setting, at: number, otherMachine = false): Promise<boolean> {
  const gate = await startGate(azurite);
  gate.hidesEmulator = !emulator;
  try {
    const name = `killed-${at}${otherMachine ? '-elsewhere' : ''}`;
    const args = ['push', scene.child, '--to', `${gate.url}/vhds/${name}`, ...flags(gate), '--json'];
    const env = { ...gate.env, VHDUP_STATE_DIR: join(folder, `state-${name}`) };
    const first = startCli(args, env);
    const start = gate.records.length;
    gate.onAnswer = ({ index }) => {
      if (index !== start + at) return undefined;
      first.child.kill('SIGKILL');
      return 'drop';
    };
    const { signal, exitCode } = await first.ended;
    if (signal !== 'SIGKILL') {
      t.equal(exitCode, 0);
      return false;
    }
    await gate.idle();
    await assertNoHalfImage(t, container, name, scene, `after request ${at}`);
    const written = putsIn(gate.records);
    gate.onAnswer = () => undefined;
    gate.records = [];

    const resumed = await runCli(args, otherMachine ? { ...env, VHDUP_STATE_DIR: join(folder, 'other-state') } : env);
    t.equal(resumed.exitCode, 0, `resumed after request ${at}: ${resumed.stdout}${resumed.stderr}`);
    t.ok((await bytesOf(container, name)).subarray(0, -512).equals(scene.content), `equal bytes after a kill at request ${at}`);
    t.match(await factsOf(container, name), { metadata: { vhdup_state: 'complete' }, leaseState: 'available', contentMd5: /./ });
    const again = putsIn(gate.records).filter(({ offset }) => offset < scene.content.length);
    t.notOk(again.some(({ offset, length }) => written.some((other) => offset < other.offset + other.length && other.offset < offset + length)), 'nothing that was written is sent again');
    return true;
  } finally {
    await gate.stop();
  }
}

function putsIn(records: readonly GateRecord[]): { offset: number; length: number }[] {
  return records.flatMap(({ kind, range, status }) => (kind === 'put-page' && range && status === 201 ? [range] : []));
}

/** Whatever stands there: a footer, a Content-MD5 or `complete` only on right content (the base's, before it is changed). */
async function assertNoHalfImage(t: Test, container: ContainerClient, name: string, scene: Scene, when: string): Promise<void> {
  const facts = await factsOf(container, name);
  if (!facts) return;
  const bytes = await bytesOf(container, name);
  const content = bytes.subarray(0, -512);
  const isRight = content.equals(scene.content) || content.equals(scene.baseContent);
  if (typeof parseFixedTail(bytes.subarray(-512)) !== 'string') t.ok(isRight, `a footer only on right content ${when}`);
  if (facts.contentMd5) t.equal(facts.contentMd5, createHash('md5').update(bytes).digest('base64'), `a Content-MD5 only on its content ${when}`);
  if (facts.metadata['vhdup_state'] === 'complete') t.ok(content.equals(scene.content) && facts.contentMd5, `complete only on right content ${when}`);
}

const iterative = (azurite: Azurite) => ['--base', `${azurite.url}/vhds/base.vhd`];
const VARIANTS = [
  { what: 'an iterative push on the service', flags: iterative, emulator: false, upTo: Infinity },
  { what: 'an iterative push on an emulator, until its snapshot is gone', flags: iterative, emulator: true, upTo: 14 },
  { what: 'a full push', flags: () => [], emulator: false, upTo: Infinity },
];

for (const { what, flags, emulator, upTo } of VARIANTS) {
  t.test(`${what}, killed after each of its requests, is resumed to equal bytes`, async (t) => {
    const folder = await temporaryFolder(t);
    const azurite = await startAzurite();
    t.teardown(() => azurite.stop());
    const container = await containerOf(azurite, 'vhds');
    const scene = await threeLevels(folder);
    await runCli(['push', scene.base, '--to', `${azurite.url}/vhds/base.vhd`], azurite.env);
    const base = await factsOf(container, 'base.vhd');
    let isOver = false;
    const points = function* () {
      for (let at = 1; at <= upTo && !isOver; at++) yield at;
    };
    await inParallel(points(), 2, async (at) => {
      if (!await killAndResume(t, { azurite, container, folder, scene, flags, emulator }, at)) isOver = true;
    }, () => undefined);
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
  t.ok(await killAndResume(t, { azurite, container, folder, scene, flags: iterative, emulator: false }, 20, true));
});
