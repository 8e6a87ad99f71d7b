import { spawnSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { openDisk, push } from '../../src/index.js';
import { startAzurite } from '../support/azurite.js';
import { bytesOf, containerOf } from '../support/blobs.js';
import { runCli } from '../support/cli.js';
import { temporaryFolder } from '../support/folder.js';
import { startGate } from '../support/gate.js';
import { putsIn } from '../support/killed-push.js';
import { ownerOf } from '../support/owners.js';
import { interruptedDisks } from './disks.js';
import { expectedFiles } from './expected.js';
import { KEPT, placed, readKept, restoreBase, restoreBlob, timesOf, type KeptName } from './interrupted.js';
import { marksOf } from './marks.js';
import { normalised, normalisedText } from './normalise.js';
import { nameFor, recordsIn, textFor } from './record-files.js';

const compare = expectedFiles(t, 'resume');

interface Result {
  readonly outcome: string;
  readonly sent: number;
}

/** `here`: on the machine of the killed process. `elsewhere`: with copies of the files, once the lease has run out. */
async function resumes(t: Test, name: KeptName, where: 'here' | 'elsewhere'): Promise<void> {
  const folder = await temporaryFolder(t);
  const azurite = await startAzurite();
  t.teardown(() => azurite.stop());
  const gate = await startGate(azurite);
  t.teardown(() => gate.stop());
  gate.hidesEmulator = true;
  const container = await containerOf(azurite, 'vhds');
  const { root, leaf } = await interruptedDisks(folder);
  const kept = placed(readKept(name), gate.url, folder);
  const disk = kept.base ? leaf : root;
  const stateFolder = join(folder, 'state');
  const env = { ...gate.env, VHDUP_STATE_DIR: stateFolder };
  const places = { account: gate.url, folder };

  if (kept.base) await restoreBase(container, kept.base, root);
  const times = where === 'here' ? { vhdup_times: await timesOf(disk) } : {};
  await restoreBlob(
    container,
    { ...kept, blob: { ...kept.blob, metadata: { ...kept.blob.metadata, ...times } } },
    disk,
  );
  await container.getBlobClient(name).getBlobLeaseClient(kept.leaseId).acquireLease(60);
  await mkdir(stateFolder, { mode: 0o700 });
  if (where === 'elsewhere') azurite.expireLease('vhds', name);
  else await writeLeaseRecord(stateFolder, `${gate.url}/vhds/${name}`, kept.record);

  const run = await runCli(kept.args, env);
  t.equal(run.exitCode, 0, run.stdout + run.stderr);
  const result = JSON.parse(run.stdout) as Result;
  t.equal(result.outcome, 'resumed');
  const puts = [...putsIn(gate.records)].sort((a, b) => a.offset - b.offset);
  const written = kept.blob.pages.filter(([offset, length]) =>
    puts.some((put) => put.offset < offset + length && offset < put.offset + put.length),
  );
  t.strictSame(written, [], 'nothing that was there is sent again');

  await using opened = await openDisk(disk.path);
  const fresh = await push(opened, {
    to: `${gate.url}/vhds/fresh`,
    base: kept.base && `${gate.url}/vhds/base`,
    environment: { ...gate.env },
    stateFolder: join(folder, 'fresh'),
    cacheFolder: false,
  });
  t.ok(result.sent < fresh.sent, 'less is sent than by a new push');
  const bytes = await bytesOf(container, name);
  t.ok(bytes.subarray(0, -512).equals(disk.content), "the content is the disk's");
  t.ok(bytes.equals(await bytesOf(container, 'fresh')), 'the blob is that of a new push');
  const marks = normalised(await marksOf(container, name), places) as Awaited<ReturnType<typeof marksOf>>;
  t.strictSame(marks, normalised(await marksOf(container, 'fresh'), places), 'and so are its marks');
  t.equal(
    marks.metadata?.['vhdup_fingerprint'],
    kept.blob.metadata['vhdup_fingerprint'],
    'the fingerprint is that of the version before',
  );
  t.strictSame(await recordsIn(t, stateFolder, places), [], 'no record is left');

  compare(t, `${name}-${where}`, {
    stdout: normalised(result, places),
    stderr: normalisedText(run.stderr, places).split('\n'),
    puts: puts.map(({ offset, length }) => [offset, length].join(' ')),
    marks,
  });
}

/** Writes the record of a process that has ended. */
async function writeLeaseRecord(stateFolder: string, uri: string, record: object): Promise<void> {
  const { pid } = spawnSync(process.execPath, ['--version']);
  await writeFile(join(stateFolder, nameFor(uri, 'lease.json')), textFor(uri, { ...record, owner: ownerOf(pid) }), {
    mode: 0o600,
  });
}

for (const name of KEPT) {
  for (const where of ['here', 'elsewhere'] as const) {
    t.test(`a push that an earlier version began is resumed: ${name}, ${where}`, (t) => resumes(t, name, where));
  }
}
