import { readdir, rm, stat, symlink, unlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { Announcement, judgeWork, parseLockFileName, readAnnouncement } from '../../src/state/announcement.js';
import { thisOwner } from '../../src/state/owner.js';
import { temporaryFolder } from '../support/folder.js';

t.test('an announcement is there with its process until it is withdrawn; then its folder goes too', async (t) => {
  const parent = await temporaryFolder(t);
  const folder = join(parent, 'a.lock');
  const own = await Announcement.write(folder, 1000);
  t.match(parseLockFileName(own.token), { token: own.token, isHeld: false });
  t.match(await readAnnouncement(join(folder, own.token)), { owner: thisOwner() });
  t.equal(judgeWork(own.token, thisOwner()), 'alive');
  const other = await Announcement.write(folder, 1000);
  t.not(other.token, own.token);
  await own.withdraw();
  t.equal(judgeWork(own.token, thisOwner()), 'gone', 'although its process runs');
  t.strictSame(await readdir(folder), [other.token]);
  await other.withdraw();
  t.strictSame(await readdir(parent), []);
});

t.test('it is held only while both of its files are there', async (t) => {
  const folder = join(await temporaryFolder(t), 'a.lock');
  const own = await Announcement.write(folder, 1000);
  t.equal(await own.isHeld(), false);
  t.equal(await own.markHeld(), true);
  t.equal(await own.isHeld(), true);
  t.match(parseLockFileName(`${own.token}.held`), { token: own.token, isHeld: true });
  await unlink(join(folder, own.token));
  t.equal(await own.isHeld(), false);
  await own.withdraw();
  const late = await Announcement.write(folder, 1000);
  await unlink(join(folder, late.token));
  t.equal(await late.markHeld(), false, 'another process removed it first');
  await late.withdraw();
  const gone = await Announcement.write(folder, 1000);
  await rm(folder, { recursive: true });
  t.equal(await gone.markHeld(), false);
  await gone.withdraw();
});

t.test('its heartbeat shows', async (t) => {
  const folder = join(await temporaryFolder(t), 'a.lock');
  const own = await Announcement.write(folder, 20);
  const path = join(folder, own.token);
  const first = await readAnnouncement(path);
  let now = first;
  for (let looks = 0; now?.heartbeat === first?.heartbeat && looks < 500; looks++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    now = await readAnnouncement(path);
  }
  t.not(now?.heartbeat, first?.heartbeat);
  await own.withdraw();
  await writeFile(join(folder, '..', 'still'), '');
  const still = await readAnnouncement(join(folder, '..', 'still'));
  await utimes(join(folder, '..', 'still'), 1, 1);
  t.not((await readAnnouncement(join(folder, '..', 'still')))?.heartbeat, still?.heartbeat);
});

t.test('what is no announcement is none: another name, a link, a folder, damaged text', async (t) => {
  for (const name of ['', 'x', '0123456789abcdef.lock', '0123456789ABCDEF', '../0123456789abcdef'])
    t.equal(parseLockFileName(name), undefined, name);
  const folder = await temporaryFolder(t);
  const path = join(folder, '0123456789abcdef');
  t.equal(await readAnnouncement(path), undefined);
  t.equal(await readAnnouncement(folder), undefined);
  await writeFile(path, '{"host":');
  t.match(await readAnnouncement(path), { owner: undefined, heartbeat: String });
  if (process.platform === 'win32') return;
  await symlink(path, join(folder, 'link'));
  t.equal(await readAnnouncement(join(folder, 'link')), undefined);
});

t.test('where something else has the name of the lock, that is said', async (t) => {
  const path = join(await temporaryFolder(t), 'a.lock');
  await writeFile(path, 'precious');
  await t.rejects(Announcement.write(path, 1000), { code: 'output-unwritable', message: /not the folder of a lock/ });
  t.ok((await stat(path)).isFile());
});
