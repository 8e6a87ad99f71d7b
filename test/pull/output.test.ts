import { lstat, mkdir, readFile, readdir, rename, stat, symlink, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { PullOutput } from '../../src/pull/output.js';
import type { RenameSystem } from '../../src/state/replace-file.js';
import { Lock } from '../../src/state/lock.js';
import { temporaryFolder } from '../support/folder.js';

t.test(
  'nothing is published without the lock, nor if the part file was taken away; what stands under the name stays',
  async (t) => {
    const out = join(await temporaryFolder(t), 'out.vhd');
    const output = new PullOutput(out, true);
    await writeFile(out, 'precious');
    const take = async () => {
      const lock = await Lock.acquire(output.lockPath);
      if (!(lock instanceof Lock)) throw new Error('busy');
      await writeFile(output.partPath(lock.token), 'half');
      return lock;
    };
    await using lost = await take();
    await unlink(join(output.lockPath, lost.token));
    await t.rejects(output.publish(output.partPath(lost.token), lost), { code: 'destination-busy' });
    t.equal(await readFile(out, 'utf8'), 'precious');

    await using held = await take();
    await output.removeLeftovers(output.partPath(held.token));
    await t.rejects(
      stat(output.partPath(lost.token)),
      { code: 'ENOENT' },
      'who takes over removes the part files of others',
    );
    await unlink(output.partPath(held.token));
    await t.rejects(output.publish(output.partPath(held.token), held), { code: 'output-unwritable' });
    t.equal(await readFile(out, 'utf8'), 'precious');
  },
);

t.test('what is no regular file is no output; one that is there is replaced on request only', async (t) => {
  const folder = await temporaryFolder(t);
  for (const path of [folder, join(folder, 'new/')])
    await t.rejects(new PullOutput(path, true).checkPath(undefined), { code: 'usage', message: /is a folder/ }, path);
  if (process.platform !== 'win32') {
    await symlink('/dev/null', join(folder, 'device'));
    await t.rejects(new PullOutput(join(folder, 'device'), true).checkPath(undefined), { code: 'usage' });
  }
  const path = join(folder, 'out.vhd');
  await new PullOutput(path, false).checkPath(undefined);
  await new PullOutput(path, false).checkFree();
  await writeFile(path, 'precious');
  await t.rejects(new PullOutput(path, false).checkFree(), { code: 'destination-exists' });
  await new PullOutput(path, true).checkFree();
});

t.test('what earlier runs have left is removed, and nothing else', async (t) => {
  const folder = await temporaryFolder(t);
  const output = new PullOutput(join(folder, 'out.vhd'), false);
  const kept = output.partPath('0123456789abcdef');
  const others = [
    'out.vhd',
    'out.vhd.vhdup-part-short',
    'other.vhd.vhdup-part-0123456789abcdef',
    'out.vhd.vhdup-record',
  ];
  const left = [
    'out.vhd.vhdup-part-fedcba9876543210',
    'out.vhd.vhdup-part',
    'out.vhd.vhdup-record.new',
    'out.vhd.vhdup-record-0123456789abcdef',
  ];
  for (const name of [...others, ...left]) await writeFile(join(folder, name), '');
  await writeFile(kept, '');
  await mkdir(output.partPath('aaaaaaaaaaaaaaaa'));
  await output.removeLeftovers(kept);
  t.strictSame(
    (await readdir(folder)).sort(),
    [...others, 'out.vhd.vhdup-part-0123456789abcdef', 'out.vhd.vhdup-part-aaaaaaaaaaaaaaaa'].sort(),
  );
  t.equal(output.tokenOf('out.vhd.vhdup-part-0123456789abcdef'), '0123456789abcdef');
  t.equal(output.tokenOf('out.vhd.vhdup-part-../../etc/passwd'), undefined);
  await output.deleteRecord();
  await output.deleteRecord();
  await t.rejects(lstat(output.recordPath), { code: 'ENOENT' });
});

t.test('a file that comes up while Windows refuses the rename is not replaced', async (t) => {
  const out = join(await temporaryFolder(t), 'out.vhd');
  const output = new PullOutput(out, false);
  const lock = await Lock.acquire(output.lockPath);
  if (!(lock instanceof Lock)) throw new Error('busy');
  await using held = lock;
  await writeFile(output.partPath(held.token), 'whole');
  let refused = 0;
  const windows: RenameSystem = {
    platform: 'win32',
    rename: async (from, to) => {
      if (refused++ === 0) throw Object.assign(new Error('EBUSY: rename'), { code: 'EBUSY' });
      await rename(from, to);
    },
    pause: () => writeFile(out, 'precious'),
  };
  await t.rejects(output.publish(output.partPath(held.token), held, windows), { code: 'destination-exists' });
  t.equal(await readFile(out, 'utf8'), 'precious');
});
