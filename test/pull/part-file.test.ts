import { spawnSync } from 'node:child_process';
import { open, readFile, symlink, unlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import t from 'tap';
import { PartFile } from '../../src/pull/part-file.js';
import { writePullRecord } from '../../src/pull/record.js';
import { PullSource } from '../../src/pull/source.js';
import type { PullTask } from '../../src/pull/task.js';
import { Session } from '../../src/session/session.js';
import { Lock } from '../../src/state/lock.js';
import { thisOwner } from '../../src/state/owner.js';
import { ownerOf } from '../support/owners.js';
import { begin, elsewhere, inodeOf, pullLocks } from '../support/pull-locks.js';
import { contentOfFile } from '../support/pull-scene.js';

t.test(
  'a part file is gone on with in place only if its process is gone or has closed it; one that may be open elsewhere is copied, or begun anew',
  async (t) => {
    const pulls = await pullLocks(t);
    const { out, output, scene, pulled, gate } = pulls;
    const { pid } = spawnSync(process.execPath, ['-e', '']);
    for (const { name, format, owner, outcome, isSame } of [
      { name: 'closed', format: 'dynamic', owner: null, outcome: 'resumed', isSame: true },
      { name: 'gone', format: 'dynamic', owner: ownerOf(pid), outcome: 'resumed', isSame: true },
      {
        name: 'of this process, which has ended',
        format: 'dynamic',
        owner: thisOwner(),
        outcome: 'resumed',
        isSame: true,
      },
      { name: 'closed', format: 'raw', owner: null, outcome: 'resumed', isSame: true },
      { name: 'elsewhere', format: 'dynamic', owner: elsewhere(), outcome: 'resumed', isSame: false },
      {
        name: 'alive',
        format: 'dynamic',
        owner: { ...thisOwner(), token: 'another thread' },
        outcome: 'resumed',
        isSame: false,
      },
      { name: 'elsewhere', format: 'raw', owner: elsewhere(), outcome: /pulled|resumed/, isSame: false },
    ] as const) {
      const record = await begin(pulls, { format });
      t.equal(record.owner, null, 'a pull that ends in order says that it closed the file');
      await writePullRecord(output.recordPath, { ...record, owner });
      const part = join(out, '..', record.part);
      const inode = await inodeOf(part);
      // As a process does that was stopped: it writes to what it has open, whatever became of its name.
      const held = await open(part, 'r+');
      gate.onRequest = async ({ kind }) => {
        if (kind === 'page-ranges' && !isSame) await held.write(Buffer.alloc(65536, 0xee), 0, 65536, 4096);
        return undefined;
      };
      const result = await pulled('disk', out, { format });
      await held.close();
      gate.onRequest = () => undefined;
      t.match(result, { outcome, checked: 'md5' }, `${name} ${format}`);
      t.equal((await inodeOf(out)) === inode, isSame, `${name} ${format}: ${isSame ? 'the same' : 'another'} file`);
      t.ok((format === 'raw' ? await readFile(out) : await contentOfFile(out)).equals(scene.content));
      t.strictSame(await pulls.remains(), []);
      await unlink(out);
    }
  },
);

t.test('a run killed while it takes a part file over is resumed: before the rename, and after it', async (t) => {
  const pulls = await pullLocks(t);
  const { out, output, pulled, remains } = pulls;
  for (const isRenamed of [false, true]) {
    const record = await begin(pulls);
    const other = basename(output.partPath('0123456789abcdef'));
    await writePullRecord(
      output.recordPath,
      isRenamed ? { ...record, formerPart: other } : { ...record, part: other, formerPart: record.part },
    );
    t.match(await pulled('disk', out), { outcome: 'resumed', checked: 'md5' });
    t.strictSame(await remains(), []);
    await unlink(out);
  }
});

t.test(
  'a record that names no part file of this output is not followed: one that is gone, a path, a link',
  async (t) => {
    const pulls = await pullLocks(t);
    const { folder, out, output, pulled, remains } = pulls;
    const precious = join(folder, 'precious');
    await writeFile(precious, 'x'.repeat(1024 * 1024));
    const link = output.partPath('0123456789abcdef');
    for (const part of [
      basename(output.partPath('fedcba9876543210')),
      '../precious',
      precious,
      `${basename(out)}.vhdup-part-/../../precious`,
      basename(link),
    ]) {
      const record = await begin(pulls);
      await symlink(precious, link);
      await writePullRecord(output.recordPath, { ...record, part, durable: { ...record.durable, fileSize: 0 } });
      t.match(await pulled('disk', out), { outcome: 'pulled', checked: 'md5' }, part);
      t.equal(await readFile(precious, 'utf8'), 'x'.repeat(1024 * 1024));
      t.strictSame(await remains(), [], 'the part file that nobody names is removed');
      await unlink(out);
    }
  },
);

t.test('what an older version has left is neither used nor left: its part file, record and lock', async (t) => {
  const { out, output, pulled, remains, scene } = await pullLocks(t);
  await writeFile(`${out}.vhdup-part`, 'half');
  await writeFile(`${out}.vhdup-record.new`, '{');
  await writeFile(output.recordPath, '{"crc":1,"record":{}}');
  await writeFile(output.lockPath, `${process.pid} host`);
  t.match(await pulled('disk', out), { outcome: 'pulled', checked: 'md5' });
  t.ok((await contentOfFile(out)).equals(scene.content));
  t.strictSame(await remains(), []);
});

t.test('who lost the lock takes over, removes and records nothing', async (t) => {
  const pulls = await pullLocks(t);
  const { output, options, uri, remains } = pulls;
  const session = new Session(options);
  const source = await PullSource.open(session, uri('disk'), 'dynamic');
  const open = async () => {
    const lock = await Lock.acquire(output.lockPath);
    if (!(lock instanceof Lock)) throw new Error('busy');
    await unlink(join(output.lockPath, lock.token));
    const task: PullTask = {
      session,
      options,
      key: { blob: source.blob.uri, etag: source.properties.etag, format: 'dynamic', onto: null },
      source,
      parent: undefined,
      output,
      format: 'dynamic',
      acceptsDiffering: false,
    };
    await t.rejects(PartFile.open(task, lock), { code: 'destination-busy' });
    await lock[Symbol.asyncDispose]();
  };
  await begin(pulls);
  const before = await readFile(output.recordPath, 'utf8');
  const names = await remains();
  await open();
  t.strictSame(await remains(), names);
  t.equal(await readFile(output.recordPath, 'utf8'), before);

  await unlink(output.recordPath);
  await open();
  const parts = (list: readonly string[]) => list.filter((name) => name.includes('-part-'));
  t.ok((await remains()).includes(parts(names)[0] ?? 'a part file'), 'nor what no record names');
});

t.test('what was accepted without a comparison is not called compared by a later run', async (t) => {
  const pulls = await pullLocks(t);
  const { out, output, pulled } = pulls;
  const record = await begin(pulls);
  await pulled('disk', out, { checkMd5: false });
  const identity = (await output.identityOf(out)) ?? null;
  await writePullRecord(output.recordPath, { ...record, state: 'ready', identity, acceptsDiffering: true });
  await t.rejects(pulled('disk', out), { code: 'destination-exists' });
  t.match(await pulled('disk', out, { checkMd5: false }), { outcome: 'resumed', checked: 'none', fetched: 0 });
});
