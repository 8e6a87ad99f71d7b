import { execFileSync } from 'node:child_process';
import { link, lstat, mkdir, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import crc32 from 'crc-32';
import t, { type Test } from 'tap';
import { PullOutput } from '../../src/pull/output.js';
import { readPullRecord, type PullRecord } from '../../src/pull/record.js';
import { runCli } from '../support/cli.js';
import { obstaclesIn } from '../support/obstacles.js';
import { contentOfFile, pullScene } from '../support/pull-scene.js';

const skip = process.platform === 'win32' && 'Windows has no such files in folders';
const TOKEN = '0123456789abcdef';

/** A blob to pull into a folder that others can write to. */
async function sharedFolder(t: Test) {
  const pulls = await pullScene(t);
  await pulls.pushed(pulls.scene.child, { to: pulls.uri('disk') });
  const shared = join(pulls.folder, 'shared');
  const targets = join(pulls.folder, 'targets');
  await mkdir(shared);
  await mkdir(targets);
  const out = join(shared, 'out.vhd');
  return { ...pulls, shared, out, output: new PullOutput(out, false), obstacles: await obstaclesIn(targets) };
}

/** Begins a pull that ends after some of its reads, with a part file and a record. */
async function begin({ gate, pulled, out, output }: Awaited<ReturnType<typeof sharedFolder>>): Promise<PullRecord> {
  let reads = 0;
  gate.onRequest = ({ kind }) => (kind === 'read' && ++reads === 4 ? { status: 403 } : undefined);
  await t.rejects(pulled('disk', out, { concurrency: 1, recordEvery: 512 }), { code: 'not-authorised' });
  gate.onRequest = () => undefined;
  const record = await readPullRecord(output.recordPath);
  if (!record) throw new Error('no record');
  return record;
}

t.test(
  "whatever stands under a name that a pull uses, no link's target is changed, nothing hangs, and the pull succeeds or says what is in the way",
  { skip },
  async (t) => {
    const set = await sharedFolder(t);
    const { pulled, out, output, shared, scene, obstacles } = set;
    const names = {
      'the record': output.recordPath,
      'a part file': output.partPath(TOKEN),
      'the lock': output.lockPath,
      'an announcement': join(output.lockPath, TOKEN),
      'a mark in the lock': join(output.lockPath, `${TOKEN}.held`),
      'the output': out,
      "an older version's part file": `${out}.vhdup-part`,
      "an older version's record": `${output.recordPath}.new`,
      'a half record': `${output.recordPath}-${TOKEN}`,
    };
    for (const [what, path] of Object.entries(names)) {
      const isOld = !Object.values(names).slice(0, 6).includes(path);
      for (const { name, isFolder, place } of obstacles.all) {
        if (isOld && !['a link to a file', 'a pipe', 'a folder'].includes(name)) continue;
        // A regular file in these places is watched for ten seconds: its process may be alive.
        if ((path === output.lockPath || path === join(output.lockPath, TOKEN)) && name === 'a file of 64 GiB')
          continue;
        if (dirname(path) === output.lockPath) await mkdir(output.lockPath, { recursive: true });
        await place(path);
        const error = await pulled('disk', out).then(
          () => undefined,
          (thrown: unknown) => thrown,
        );
        const label = `${name} in place of ${what}`;
        if (path === out) t.match(error, { code: /^(destination-exists|usage)$/, message: /out\.vhd: / }, label);
        else if (path === output.lockPath && !isFolder)
          t.match(error, { code: 'output-unwritable', message: /vhdup-lock: this is not the folder of a lock/ }, label);
        else if (path === output.recordPath && isFolder)
          t.match(error, { code: 'output-unwritable', message: /vhdup-record: .*a folder has this name/ }, label);
        else t.equal(error, undefined, label);
        if (error === undefined) t.ok((await contentOfFile(out)).equals(scene.content), label);
        for (const file of await readdir(shared)) await rm(join(shared, file), { recursive: true });
      }
    }
    t.ok(await obstacles.isUntouched());
  },
);

t.test('--overwrite replaces a link, not what it leads to', { skip }, async (t) => {
  const { pulled, out, scene, folder } = await sharedFolder(t);
  const precious = join(folder, 'precious');
  await writeFile(precious, 'precious');
  await symlink(precious, out);
  await pulled('disk', out, { overwrite: true });
  t.equal(await readFile(precious, 'utf8'), 'precious');
  t.ok((await lstat(out)).isFile());
  t.ok((await contentOfFile(out)).equals(scene.content));
});

t.test(
  'what stands in place of the part file that a record names is not written to: it is begun anew',
  { skip },
  async (t) => {
    const set = await sharedFolder(t);
    const { pulled, out, shared, scene, obstacles, folder } = set;
    for (const { name, isFolder, place } of obstacles.all) {
      const record = await begin(set);
      const part = join(dirname(out), record.part);
      await place(part);
      // A regular file can only be told by its content, which is no disk.
      if (name === 'a file of 64 GiB') await t.rejects(pulled('disk', out), { code: 'disk-invalid' });
      t.match(await pulled('disk', out), { outcome: 'pulled', checked: 'md5' }, name);
      t.ok((await contentOfFile(out)).equals(scene.content), name);
      if (isFolder) t.ok((await lstat(join(part, 'something'))).isFile(), 'what is in a folder stays');
      for (const file of await readdir(shared)) await rm(join(shared, file), { recursive: true });
    }
    t.ok(await obstacles.isUntouched());

    const record = await begin(set);
    const precious = join(folder, 'of somebody');
    const content = 'x'.repeat(2 * record.durable.fileSize);
    await writeFile(precious, content);
    const part = join(dirname(out), record.part);
    await rm(part);
    await link(precious, part);
    const { outcome, warnings } = await pulled('disk', out);
    t.equal(outcome, 'pulled');
    t.match(warnings, [{ message: /second name/ }]);
    t.equal(await readFile(precious, 'utf8'), content, "a hard link leads to a file that is somebody's too");
    t.strictSame(await readdir(shared), [basename(out)]);
  },
);

t.test('a record that is whole but of another shape, or too long, is ignored', { skip }, async (t) => {
  const set = await sharedFolder(t);
  const { pulled, out, output } = set;
  const write = (value: unknown) =>
    writeFile(output.recordPath, JSON.stringify({ crc: crc32.str(JSON.stringify(value)), record: value }));
  for (const spoil of [
    () => null,
    () => [],
    () => 'x',
    () => ({}),
    (record: PullRecord) => ({ ...record, job: null }),
    (record: PullRecord) => ({ ...record, job: { ...record.job, etag: 1 } }),
    (record: PullRecord) => ({ ...record, durable: null }),
    (record: PullRecord) => ({ ...record, durable: { ...record.durable, ahead: 'x' } }),
    (record: PullRecord) => ({ ...record, durable: { ...record.durable, ahead: [null] } }),
    (record: PullRecord) => ({ ...record, durable: { ...record.durable, end: -1 } }),
    (record: PullRecord) => ({ ...record, durable: { ...record.durable, below: '0' } }),
    (record: PullRecord) => ({ ...record, part: 7 }),
    (record: PullRecord) => ({ ...record, owner: { pid: 'x' } }),
    (record: PullRecord) => ({ ...record, state: 'done' }),
    (record: PullRecord) => ({ ...record, filler: 'x'.repeat(5 * 1024 * 1024) }),
  ]) {
    const record = await begin(set);
    await write(spoil(record));
    t.equal(await readPullRecord(output.recordPath), undefined, spoil.toString());
    t.match(await pulled('disk', out), { outcome: 'pulled', checked: 'md5' }, spoil.toString());
    await rm(out);
  }
});

t.test(
  'a pipe as disk, as parent, as ancestor to pull onto, or as output is an error that names it, and soon',
  { skip },
  async (t) => {
    const { folder, env, uri, scene, shared } = await sharedFolder(t);
    const pipe = join(folder, 'a pipe.vhd');
    execFileSync('mkfifo', [pipe]);
    for (const [exitCode, args] of [
      [3, ['push', pipe, '--to', uri('x')]],
      [3, ['check', pipe]],
      [3, ['info', pipe]],
      [3, ['verify', pipe, uri('disk')]],
      [3, ['pull', uri('disk'), join(shared, 'x.vhd'), '--onto', pipe]],
      [2, ['pull', uri('disk'), pipe]],
      [2, ['pull', uri('disk'), pipe, '--overwrite']],
    ] as const) {
      const run = await runCli(args, env);
      t.equal(run.exitCode, exitCode, `${args.join(' ')}: ${run.stdout}${run.stderr}`);
      t.match(`${run.stdout}${run.stderr}`, /a pipe\.vhd: .*not a regular file/, args.join(' '));
    }
    await rm(scene.middle);
    execFileSync('mkfifo', [scene.middle]);
    const run = await runCli(['push', scene.child, '--to', uri('x')], env);
    t.equal(run.exitCode, 3, run.stderr);
    t.match(run.stderr, /not a regular file/);
  },
);
