import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { replaceFile, type RenameSystem } from '../../src/state/replace-file.js';
import { temporaryFolder } from '../support/folder.js';

/** A system whose renames fail with `code`, the first `failures` times. No other than a real Windows with a virus scanner has these errors. */
function systemThatRefuses(platform: NodeJS.Platform, code: string, failures: number) {
  const seen = { attempts: 0, waitedMs: 0 };
  const system: RenameSystem = {
    platform,
    rename: async () => {
      seen.attempts++;
      if (seen.attempts <= failures) throw Object.assign(new Error(`${code}: rename`), { code });
    },
    pause: async (milliseconds) => {
      seen.waitedMs += milliseconds;
    },
  };
  return { system, seen };
}

t.test('a file takes the name of another one, and replaces it', async (t) => {
  const folder = await temporaryFolder(t);
  await writeFile(join(folder, 'new'), 'new');
  await writeFile(join(folder, 'old'), 'old');
  await replaceFile(join(folder, 'new'), join(folder, 'old'));
  t.equal(await readFile(join(folder, 'old'), 'utf8'), 'new');
  t.same(await readdir(folder), ['old']);
});

for (const code of ['EPERM', 'EACCES', 'EBUSY'])
  t.test(
    `on Windows a file that another program has open for a moment (${code}) is replaced all the same`,
    async (t) => {
      const { system, seen } = systemThatRefuses('win32', code, 5);
      await replaceFile('a', 'b', { system });
      t.equal(seen.attempts, 6);
    },
  );

t.test('on Windows a file that stays open is an error after a second', async (t) => {
  const { system, seen } = systemThatRefuses('win32', 'EPERM', Infinity);
  await t.rejects(replaceFile('a', 'b', { system }), { code: 'EPERM' });
  t.equal(seen.waitedMs, 1000);
});

t.test('what has another reason, or another system, fails at once', async (t) => {
  for (const [platform, code] of [
    ['win32', 'ENOENT'],
    ['linux', 'EPERM'],
  ] as const) {
    const { system, seen } = systemThatRefuses(platform, code, Infinity);
    await t.rejects(replaceFile('a', 'b', { system }), { code });
    t.same(seen, { attempts: 1, waitedMs: 0 });
  }
});

t.test('what must hold for the rename is checked before every attempt', async (t) => {
  const { system, seen } = systemThatRefuses('win32', 'EBUSY', Infinity);
  let checks = 0;
  const check = async () => {
    if (++checks === 3) throw new Error('a file is there by now');
  };
  await t.rejects(replaceFile('a', 'b', { system, check }), { message: 'a file is there by now' });
  t.equal(seen.attempts, 2);
});
