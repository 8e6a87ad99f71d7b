import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { flatten, writeImage, type Write } from '../../fixtures/vhd.js';
import { startAzurite } from '../support/azurite.js';
import { bytesOf, containerOf, factsOf } from '../support/blobs.js';
import { runCli, startCli } from '../support/cli.js';
import { startGate } from '../support/gate.js';

/**
 * The main job, shown on an embedded Azurite: base ← middle ← child; the base is pushed, the child is pushed over it,
 * killed on the way and resumed; the result is downloaded and compared. Exits with 1 if anything is off.
 */

const MIB = 1024 * 1024;
const SIZE = 256 * MIB + 512;
const say = (text: string) => process.stdout.write(`${text}\n`);
const mib = (bytes: number) => `${(bytes / MIB).toFixed(2)} MiB`;

function insist(condition: boolean, what: string): void {
  if (!condition) throw new Error(`the demo failed: ${what}`);
  say(`  ok  ${what}`);
}

function scattered(count: number, length: number): Write[] {
  return Array.from({ length: count }, (_, index) => ({
    offset: Math.floor(((index + 0.5) * SIZE) / count / 512) * 512,
    data: randomBytes(length),
  }));
}

async function demo(folder: string, cleanUp: (() => Promise<void>)[]): Promise<void> {
  const azurite = await startAzurite();
  cleanUp.push(() => azurite.stop());
  const gate = await startGate(azurite);
  cleanUp.push(() => gate.stop());
  const container = await containerOf(azurite, 'vhds');
  const env = { ...gate.env, VHDUP_STATE_DIR: join(folder, 'state') };

  say('Making a chain: base (dynamic) <- middle (differencing) <- child (differencing), 256 MiB');
  const layers = [scattered(24, MIB), scattered(40, 64 * 1024), scattered(300, 512)] as const;
  const base = await writeImage({ path: join(folder, 'base.vhd'), type: 'dynamic', size: SIZE, writes: layers[0] });
  const middle = await writeImage({
    path: join(folder, 'middle.vhd'),
    type: 'differencing',
    size: SIZE,
    parent: base,
    writes: layers[1],
  });
  const child = await writeImage({
    path: join(folder, 'child.vhd'),
    type: 'differencing',
    size: SIZE,
    parent: middle,
    writes: layers[2],
  });
  const content = flatten(layers.map((writes) => ({ size: SIZE, writes })));

  say('vhdup push base.vhd --to …/vhds/base.vhd');
  const first = await runCli(['push', base.path, '--to', `${gate.url}/vhds/base.vhd`, '--json'], env);
  insist(
    first.exitCode === 0,
    `the base is up: ${mib((JSON.parse(first.stdout) as { sent: number }).sent)} sent of ${mib(SIZE)}${first.stderr.includes('error') ? first.stderr : ''}`,
  );
  const baseBytes = await bytesOf(container, 'base.vhd');
  const baseFacts = await factsOf(container, 'base.vhd');

  say('vhdup push child.vhd --base …/vhds/base.vhd, killed on the way');
  const args = ['push', child.path, '--base', `${gate.url}/vhds/base.vhd`, '--json'];
  const killed = startCli(args, env);
  let puts = 0;
  gate.onAnswer = ({ kind }) => {
    if (kind === 'put-page' && ++puts === 40) killed.child.kill('SIGKILL');
    return undefined;
  };
  insist((await killed.ended).signal === 'SIGKILL', 'killed with SIGKILL after 40 writes');
  await gate.idle();
  const half = await factsOf(container, 'child.vhd');
  insist(
    half?.contentMd5 === undefined && half?.metadata['vhdup_state'] === 'writing',
    'what is there does not pass for a disk',
  );
  const before = gate.records
    .filter(({ kind, url, status }) => kind === 'put-page' && url.includes('child.vhd') && status === 201)
    .reduce((sum, { bodyLength }) => sum + bodyLength, 0);

  say('the same command again');
  gate.onAnswer = () => undefined;
  const resumed = await runCli(args, env);
  insist(resumed.exitCode === 0, 'resumed');
  const result = JSON.parse(resumed.stdout) as {
    outcome: string;
    sent: number;
    copied: number;
    cleared: number;
    gaps: number;
    requests: number;
    contentMd5: string;
  };
  insist(
    result.outcome === 'resumed',
    `${mib(before)} were sent before the kill, ${mib(result.sent)} in ${result.requests} requests after it`,
  );

  say('comparing');
  const blob = await bytesOf(container, 'child.vhd');
  insist(blob.subarray(0, -512).equals(content), 'the blob is the flattened chain, byte for byte');
  insist(
    createHash('md5').update(blob).digest('base64') === result.contentMd5,
    `Content-MD5 ${result.contentMd5} is the blob's`,
  );
  insist(
    baseBytes.equals(await bytesOf(container, 'base.vhd')) &&
      JSON.stringify(baseFacts) === JSON.stringify(await factsOf(container, 'base.vhd')),
    'the base is as it was',
  );
  say(
    `Done: ${mib(before + result.sent)} sent for a disk of ${mib(SIZE)}; ${mib(result.copied)} copied by the service, ${mib(result.cleared)} cleared, ${mib(result.gaps)} sent to save requests.`,
  );
}

const folder = await mkdtemp(join(tmpdir(), 'vhdup-demo-'));
const cleanUp = [() => rm(folder, { recursive: true, force: true })];
try {
  await demo(folder, cleanUp);
} catch (error) {
  process.stderr.write(`${String(error)}\n`);
  process.exitCode = 1;
} finally {
  for (const step of cleanUp.reverse()) await step();
}
