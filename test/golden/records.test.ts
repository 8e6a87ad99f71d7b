import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { openDisk, push } from '../../src/index.js';
import { endBreak, hideWrites } from '../support/blobs.js';
import { runCli } from '../support/cli.js';
import { goldenScene, interruptedDisks } from './disks.js';
import { expectedFiles } from './expected.js';
import { goldenStage, putNumber, type GoldenStage } from './golden-stage.js';
import { normalisedText } from './normalise.js';
import { pullRecordAt, recordsIn } from './record-files.js';

const compare = expectedFiles(t, 'records');
const REFUSED = { status: 403, headers: { 'x-ms-error-code': 'AuthorizationFailure' } };

async function compareState(t: Test, name: string, { options, places }: GoldenStage): Promise<void> {
  compare(t, name, await recordsIn(t, options.stateFolder, places));
}

t.test('the records of pushes are as they were', async (t) => {
  const set = await goldenStage(t, compare);
  const { gate, container, env, uri } = set;
  const { root } = await interruptedDisks(set.folder);
  const args = ['push', root.path, '--to', uri('root'), '--concurrency', '1'];
  await set.kills(args, { request: putNumber(1), moment: 'after' });
  await compareState(t, 'push-killed', set);
  await set.kills(args, {
    request: ({ kind, headers }) => kind === 'lease' && headers['x-ms-lease-action'] === 'change',
    moment: 'before',
  });
  await compareState(t, 'push-killed-twice', set);
  gate.onRequest = ({ kind }) => (kind === 'put-page' ? REFUSED : undefined);
  t.equal((await runCli(args, env)).exitCode, 6);
  gate.onRequest = () => undefined;
  await compareState(t, 'push-refused', set);
  await set.pushed(root.path, { to: uri('root') });
  await compareState(t, 'push-complete', set);
  await set.pushed(root.path, { to: uri('root'), seal: { kind: 'lease' } });
  await compareState(t, 'push-sealed', set);
  t.equal((await runCli(['unseal', uri('root')], env)).exitCode, 0);
  await compareState(t, 'push-unsealed', set);
  await endBreak(container, 'root');
});

t.test('the records of pulls are as they were', async (t) => {
  const set = await goldenStage(t, compare);
  const { gate, container, env, folder, places, uri } = set;
  const { root } = await interruptedDisks(folder);
  await set.pushed(root.path, { to: uri('root') });
  const beside = async (name: string) =>
    (await readdir(folder))
      .filter((file) => file.startsWith(name))
      .map((file) => normalisedText(file, places))
      .sort();

  let reads = 0;
  gate.onRequest = ({ kind }) => (kind === 'read' && ++reads === 7 ? REFUSED : undefined);
  const out = join(folder, 'out.vhd');
  t.equal((await runCli(['pull', uri('root'), out, '--concurrency', '1'], env)).exitCode, 6);
  gate.onRequest = () => undefined;
  compare(t, 'pull-refused', {
    files: await beside('out.vhd'),
    record: await pullRecordAt(t, `${out}.vhdup-record`, places),
  });
  t.equal((await runCli(['pull', uri('root'), out], env)).exitCode, 0);
  compare(t, 'pull-complete', {
    files: await beside('out.vhd'),
    state: await recordsIn(t, set.options.stateFolder, places),
  });

  await container.getBlobClient('root').setHTTPHeaders({ blobContentMD5: Buffer.alloc(16, 7) });
  await hideWrites(container, 'root');
  const other = join(folder, 'differing.vhd');
  t.equal((await runCli(['pull', uri('root'), other, '--format', 'raw'], env)).exitCode, 9);
  compare(t, 'pull-differing', {
    files: await beside('differing.vhd'),
    record: await pullRecordAt(t, `${other}.vhdup-record`, places),
  });
});

t.test('kept digests and leaves are as they were', async (t) => {
  const { container, folder, options, places, uri } = await goldenStage(t, compare);
  const { base, child } = await goldenScene(folder);
  await inTwoMinutes(async () => {
    for (const [path, to, more] of [
      [base.path, 'base', {}],
      [child.path, 'child', { base: uri('base') }],
    ] as const) {
      await using disk = await openDisk(path);
      await push(disk, { ...options, to: uri(to), ...more });
      await endBreak(container, to);
    }
  });
  compare(t, 'cache', await recordsIn(t, options.cacheFolder, places));
});

/** Runs `work` with a clock that is ahead: digests of files that were written within the last minute are not kept. */
async function inTwoMinutes(work: () => Promise<void>): Promise<void> {
  const now = Date.now;
  Date.now = () => now() + 120_000;
  try {
    await work();
  } finally {
    Date.now = now;
  }
}
