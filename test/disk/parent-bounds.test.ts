import { mkdir, rename, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { writeImage, type LocatorSpec } from '../../fixtures/vhd.js';
import { openDisk, type OpenOptions } from '../../src/index.js';
import { parentPaths, refusedName } from '../../src/disk/parent-path.js';
import { temporaryFolder } from '../support/folder.js';

const SIZE = 64 * 1024;
const noLinks = process.platform === 'win32' && 'making links needs a privilege on Windows';

/** A parent in `base/`, and a child in `vm/` that names it by one locator. */
async function siblings(t: Test, locator: (parent: string) => LocatorSpec) {
  const folder = await temporaryFolder(t);
  for (const name of ['base', 'vm', join('vm', 'below')]) await mkdir(join(folder, name));
  const parent = await writeImage({
    path: join(folder, 'base', 'parent.vhd'),
    type: 'dynamic',
    size: SIZE,
    blockSize: 4096,
    writes: [],
  });
  const child = await writeImage({
    path: join(folder, 'vm', 'child.vhd'),
    type: 'differencing',
    size: SIZE,
    blockSize: 4096,
    parent: { ...parent, name: 'x', locators: [locator(parent.path)] },
    writes: [],
  });
  return { folder, parent: parent.path, child: child.path, base: join(folder, 'base'), vm: join(folder, 'vm') };
}

const depth = async (path: string, options: OpenOptions = {}) => {
  await using disk = await openDisk(path, options);
  return disk.layers.length;
};

t.test("a parent outside of the disk's folder is not followed, unless its folder or the flag allows it", async (t) => {
  const ways: readonly (readonly [what: string, locator: (parent: string) => LocatorSpec])[] = [
    ['a relative path that leaves the folder', () => ({ code: 'W2ru', text: '..\\base\\parent.vhd' })],
    [
      'a relative path that leaves it in the middle',
      () => ({ code: 'W2ru', text: '.\\below\\..\\..\\base\\parent.vhd' }),
    ],
    ['an absolute Unix path', (parent) => ({ code: 'W2ku', text: parent })],
    ['a file URL', (parent) => ({ code: 'MacX', text: `file://${encodeURI(parent)}` })],
  ];
  for (const [what, locator] of ways) {
    const { child, base, parent, folder } = await siblings(t, locator);
    await t.rejects(
      openDisk(child),
      {
        code: 'chain-broken',
        message: `tried ${parent}: outside of ${join(folder, 'vm')}`,
        hint: /`parentDirs` \(it asks for .*base\).*`followAbsoluteParents`/,
      },
      what,
    );
    t.equal(await depth(child, { parentDirs: [base] }), 2, `${what}, with its folder named`);
    t.equal(await depth(child, { parentDirs: [folder] }), 2, `${what}, with a folder above it named`);
    t.equal(await depth(child, { followAbsoluteParents: true }), 2, `${what}, with the flag`);
  }
});

t.test("inside the disk's folder every kind of path is followed", async (t) => {
  const { child, vm, parent } = await siblings(t, () => ({ code: 'W2ru', text: '.\\below\\..\\below\\parent.vhd' }));
  await rename(parent, join(vm, 'below', 'parent.vhd'));
  t.equal(await depth(child), 2);
});

t.test('the folder is that of the disk that was named, for all of its chain', async (t) => {
  const folder = await temporaryFolder(t);
  await mkdir(join(folder, 'deep'));
  const root = await writeImage({
    path: join(folder, 'root.vhd'),
    type: 'dynamic',
    size: SIZE,
    blockSize: 4096,
    writes: [],
  });
  const middle = await writeImage({
    path: join(folder, 'deep', 'middle.vhd'),
    type: 'differencing',
    size: SIZE,
    blockSize: 4096,
    parent: { ...root, name: 'x', locators: [{ code: 'W2ru', text: '..\\root.vhd' }] },
    writes: [],
  });
  const top = await writeImage({
    path: join(folder, 'top.vhd'),
    type: 'differencing',
    size: SIZE,
    blockSize: 4096,
    parent: middle,
    writes: [],
  });
  t.equal(await depth(top.path), 3, 'the middle may name what lies above it, but not above the top');
  await t.rejects(openDisk(middle.path), { code: 'chain-broken', message: /outside of/ });
});

t.test('a link beside the child is no way out', { skip: noLinks }, async (t) => {
  const { child, vm, base, parent } = await siblings(t, () => ({ code: 'W2ru', text: '.\\link\\parent.vhd' }));
  await symlink(base, join(vm, 'link'));
  await t.rejects(openDisk(child), {
    code: 'chain-broken',
    message: /link\/parent\.vhd: a link to .*base\/parent\.vhd, outside of .*vm\n/,
    hint: /`parentDirs`/,
  });
  t.equal(await depth(child, { parentDirs: [base] }), 2);
  t.equal(await depth(child, { followAbsoluteParents: true }), 2);

  const file = await siblings(t, () => ({ code: 'W2ru', text: '.\\parent.vhd' }));
  await symlink(file.parent, join(file.vm, 'parent.vhd'));
  await t.rejects(openDisk(file.child), { code: 'chain-broken', message: /a link to/ });
  await symlink(parent, join(file.vm, 'loop'));

  const within = await siblings(t, () => ({ code: 'W2ru', text: '.\\parent.vhd' }));
  await rename(within.parent, join(within.vm, 'below', 'real.vhd'));
  await symlink(join(within.vm, 'below', 'real.vhd'), join(within.vm, 'parent.vhd'));
  t.equal(await depth(within.child), 2, 'one that stays inside is followed');
});

t.test('a folder named by way of a link is the folder it leads to', { skip: noLinks }, async (t) => {
  const { folder, child, base, vm } = await siblings(t, () => ({ code: 'W2ru', text: '..\\base\\parent.vhd' }));
  await symlink(base, join(folder, 'alias'));
  await symlink(vm, join(folder, 'machine'));
  t.equal(await depth(child, { parentDirs: [join(folder, 'alias')] }), 2);
  t.equal(await depth(join(folder, 'machine', 'child.vhd'), { parentDirs: [base] }), 2);
});

t.test(
  'also with the flag a parent has to be a regular file, a VHD, with the right id',
  { skip: process.platform === 'win32' && 'Unix paths' },
  async (t) => {
    for (const [text, problem] of [
      ['/dev/zero', /not a regular file/],
      ['/etc/passwd', /not a VHD/],
      ['/etc', /not a regular file/],
    ] as const) {
      const { child } = await siblings(t, () => ({ code: 'W2ku', text }));
      await t.rejects(openDisk(child), { code: 'chain-broken', message: /outside of/ }, text);
      await t.rejects(
        openDisk(child, { followAbsoluteParents: true }),
        { code: 'chain-broken', message: problem },
        `${text}, with the flag`,
      );
    }
  },
);

t.test('names of devices, and names with a NUL, are never opened', (t) => {
  for (const name of [
    'CON',
    'C:\\vms\\NUL',
    'nul.vhd',
    'C:\\aux\\x.vhd',
    'x\\COM1',
    'lpt9.vhd',
    'COM1:',
    'prn ',
    '\\\\.\\PhysicalDrive0',
    '\\\\?\\C:\\x.vhd',
    '//./PhysicalDrive0',
    '\\\\.\\pipe\\x',
    'CONIN$',
  ]) {
    t.match(refusedName(name, 'win32'), /device/, name);
  }
  for (const name of [
    'C:\\vms\\parent.vhd',
    'console.vhd',
    'C:\\Constance\\null.vhd',
    'com10.vhd',
    '\\\\server\\share\\x.vhd',
    'my.con',
  ])
    t.equal(refusedName(name, 'win32'), undefined, name);
  t.equal(refusedName('/vms/con/nul.vhd', 'linux'), undefined);
  t.match(refusedName('/vms/x\0.vhd'), /NUL/);
  t.ok(
    parentPaths('file:///a%00b', '/x', 'linux').every(
      (path) => refusedName(path) !== undefined || !path.includes('\0'),
    ),
  );
  t.end();
});
