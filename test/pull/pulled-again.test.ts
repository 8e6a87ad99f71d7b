import { watch } from 'node:fs';
import {
  chmod,
  copyFile,
  link,
  mkdir,
  mkdtemp,
  open,
  readFile,
  readdir,
  rename,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import type { PullOptions } from '../../src/index.js';
import { PullOutput } from '../../src/pull/output.js';
import { isPulled, recordPulled } from '../../src/pull/pulled-record.js';
import { PullSource } from '../../src/pull/source.js';
import { Session } from '../../src/session/session.js';
import { trimRecords, writeRecord } from '../../src/state/record-file.js';
import { runCli, startCli } from '../support/cli.js';
import { randomFrom } from '../support/gate/faults.js';
import { contentOfFile, pullScene, rawBlob } from '../support/pull-scene.js';
import { scaled } from '../support/scale.js';

const seed = Number(process.env['VHDUP_SEED'] ?? Date.now());
t.comment(`seed ${seed}`);

async function doneScene(t: Test) {
  const pulls = await pullScene(t);
  await pulls.pushed(pulls.scene.child, { to: pulls.uri('disk') });
  const own = join(pulls.folder, 'out');
  await mkdir(own);
  return { ...pulls, own, out: join(own, 'out.vhd') };
}

t.test(
  'a pull killed after all was done, with nothing left beside its file: the same command says that it is done',
  async (t) => {
    const { own, out, env, gate, uri, scene } = await doneScene(t);
    for (const flags of [
      [],
      ['--format', 'raw'],
      ['--format', 'fixed'],
      ['--onto', scene.middle],
      ['--no-check-md5'],
    ]) {
      const args = ['pull', uri('disk'), out, ...flags, '--json'];
      const first = startCli(args, env);
      first.child.stdout?.once('data', () => first.child.kill('SIGKILL'));
      const { exitCode, signal } = await first.ended;
      t.ok(signal === 'SIGKILL' || exitCode === 0);
      t.strictSame(await readdir(own), [basename(out)], 'nothing tells it but the file itself');
      const before = await stat(out, { bigint: true });
      gate.records = [];
      const run = await runCli(args, env);
      t.equal(run.exitCode, 0, `${flags.join(' ')}: ${run.stdout}${run.stderr}`);
      t.match(JSON.parse(run.stdout), {
        outcome: 'already-there',
        checked: flags[0] === '--no-check-md5' ? 'none' : 'md5',
        fetched: 0,
        stored: 0,
        requests: 0,
      });
      t.ok(gate.records.filter(({ kind }) => kind === 'read').length <= 1, 'the footer alone was read');
      const after = await stat(out, { bigint: true });
      t.strictSame(
        [after.ino, after.mtimeNs, after.ctimeNs],
        [before.ino, before.mtimeNs, before.ctimeNs],
        'the file is left as it is',
      );
      t.match(
        (await runCli(args.slice(0, -1), env)).stdout,
        /out\.vhd: it was pulled before and is unchanged, nothing was fetched/,
      );
      t.strictSame(await readdir(own), [basename(out)]);
      await rm(out);
    }
  },
);

t.test('a pull killed at any moment after its file got the name: the same command says that it is done', async (t) => {
  const { own, out, env, uri, scene } = await doneScene(t);
  const random = randomFrom(seed);
  const args = ['pull', uri('disk'), out, '--json'];
  const outcomes = new Map<string, number>();
  for (let round = 0; round < scaled(4); round++) {
    const waitMs = Math.floor(random() * 12);
    const watcher = watch(own);
    const run = startCli(args, env);
    watcher.on('change', (_, name) => {
      if (name !== basename(out)) return;
      watcher.close();
      void sleep(waitMs).then(() => run.child.kill('SIGKILL'));
    });
    await run.ended;
    watcher.close();
    const again = await runCli(args, env);
    const { outcome = 'none' } = JSON.parse(again.stdout) as { outcome?: string };
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    t.equal(again.exitCode, 0, `round ${round}, killed after ${waitMs} ms: ${again.stdout}${again.stderr}`);
    t.ok((await contentOfFile(out)).equals(scene.content));
    t.strictSame(await readdir(own), [basename(out)], 'nothing is left beside it');
    await rm(out);
  }
  t.comment([...outcomes].map(([outcome, count]) => `${outcome} ${count}`).join(', '));
});

t.test('a file that is not exactly what this pull has made is still in the way', async (t) => {
  const { folder, own, out, container, pulled, scene } = await doneScene(t);
  const copy = join(folder, 'copy');
  const cases: readonly (readonly [what: string, spoil: () => Promise<unknown>, options?: PullOptions])[] = [
    [
      'written to, and its time of modification put back',
      async () => {
        const { atime, mtime } = await stat(out);
        await using file = await open(out, 'r+');
        await file.write(Buffer.alloc(1, 0xee), 0, 1, 5000);
        await file.sync();
        await utimes(out, atime, mtime);
      },
    ],
    [
      'replaced by a copy',
      async () => {
        await copyFile(out, copy);
        await rename(copy, out);
      },
    ],
    [
      'replaced by a link to it',
      async () => {
        await rename(out, copy);
        await symlink(copy, out);
      },
    ],
    ['touched', () => utimes(out, new Date(), new Date())],
    ['of another mode', () => chmod(out, 0o600)],
    ['linked elsewhere', () => link(out, join(own, 'second'))],
    ['asked for in another format', () => Promise.resolve(), { format: 'raw' }],
    ['asked for over an ancestor', () => Promise.resolve(), { onto: scene.middle }],
    [
      'asked for on a machine that does not know it',
      () => Promise.resolve(),
      { stateFolder: join(folder, 'elsewhere') },
    ],
    ['of a blob that was changed since', () => container.getPageBlobClient('disk').setMetadata({ touched: 'yes' })],
  ];
  for (const [what, spoil, options] of cases) {
    await pulled('disk', out);
    t.match(await pulled('disk', out), { outcome: 'already-there' }, `before: ${what}`);
    await spoil();
    await t.rejects(pulled('disk', out, options), { code: 'destination-exists' }, what);
    for (const name of await readdir(own)) await rm(join(own, name));
    await rm(copy, { force: true });
  }

  await pulled('disk', out, { checkMd5: false });
  await t.rejects(
    pulled('disk', out),
    { code: 'destination-exists' },
    'one that was not compared is not called compared',
  );
  await rm(out);
  await writeFile(out, 'of somebody');
  await t.rejects(pulled('disk', out), { code: 'destination-exists' });
  t.equal(await readFile(out, 'utf8'), 'of somebody');
});

t.test('--overwrite makes the file again, and is not remembered', async (t) => {
  const { out, options, pulled, scene } = await doneScene(t);
  for (const before of ['nothing', 'its own file']) {
    t.match(await pulled('disk', out, { overwrite: true }), { outcome: 'pulled' }, before);
    t.ok((await contentOfFile(out)).equals(scene.content));
    await t.rejects(pulled('disk', out), { code: 'destination-exists' }, 'without it, this is another command');
  }
  t.strictSame(await readdir(options.stateFolder), []);
});

t.test(
  "nothing is recorded of a file that took the place of the pull's, or that could be written to unnoticed",
  async (t) => {
    const { folder, own, out, options, uri } = await doneScene(t);
    const source = await PullSource.open(new Session(options), uri('disk'), 'raw');
    const output = new PullOutput(out, false);
    const state = join(folder, 'records');
    const task = {
      options: { stateFolder: state },
      output,
      key: { blob: source.blob.uri, etag: source.properties.etag, format: 'raw', onto: null },
      acceptsDiffering: false,
    };
    const publish = async (content: string) => {
      const part = join(own, 'part');
      await writeFile(part, content);
      await sleep(30);
      await rename(part, out);
      return (await output.identityOf(out)) ?? '';
    };
    const identity = await publish('ours');
    await recordPulled(task, identity);
    t.ok(await isPulled(task));
    await publish('of another process');
    await recordPulled(task, identity);
    t.notOk(await isPulled(task), 'another file');
    await rm(state, { recursive: true });
    await writeFile(out, 'written under its name');
    await recordPulled(task, (await output.identityOf(out)) ?? '');
    t.notOk(await isPulled(task), 'a write in the same tick would change no time');
  },
);

t.test('a pull that takes no longer than a tick of the clock is remembered too', async (t) => {
  const { folder, container, pulled } = await doneScene(t);
  await rawBlob(container, 'tiny');
  // In memory, where nothing takes time, if there is such a folder.
  const fast = await mkdtemp(join('/dev/shm', 'vhdup-')).catch(() => folder);
  t.teardown(() => rm(fast, { recursive: true, force: true }));
  for (let index = 0; index < 10; index++) {
    const out = join(fast, `${index}.raw`);
    t.match(await pulled('tiny', out, { format: 'raw' }), { outcome: 'pulled' });
    const { mtimeMs, ctimeMs } = await stat(out);
    t.ok(ctimeMs - mtimeMs > 10, 'it gets its name in a later tick than it was written to');
    t.match(await pulled('tiny', out, { format: 'raw' }), { outcome: 'already-there' });
  }
});

t.test('the latest records are kept', async (t) => {
  const { folder } = await doneScene(t);
  const state = join(folder, 'records');
  const kind = { name: 'pulled', parse: () => undefined };
  const other = { name: 'lease', parse: () => undefined };
  const now = Date.now() / 1000;
  for (let index = 0; index < 5; index++) {
    await writeRecord(kind, state, `${index}`, {});
    const fresh = (await readdir(state)).filter((name) => name.endsWith('.pulled.json'));
    for (const name of fresh)
      if ((await stat(join(state, name))).mtimeMs > (now - 1) * 1000)
        await utimes(join(state, name), now, now - 1000 + index);
  }
  await writeRecord(other, state, 'x', {});
  const times = async () =>
    (
      await Promise.all(
        (await readdir(state))
          .filter((name) => name.endsWith('.pulled.json'))
          .map(async (name) => (await stat(join(state, name))).mtimeMs),
      )
    ).sort();
  const before = await times();
  await trimRecords(kind, state, 3);
  t.strictSame(await times(), before.slice(2));
  t.equal((await readdir(state)).length, 4, 'and those of another kind');
});
