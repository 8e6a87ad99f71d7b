import { execFileSync } from 'node:child_process';
import { mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { writeImage, type LocatorSpec } from '../../fixtures/vhd.js';
import { openDisk } from '../../src/index.js';
import { parentPaths } from '../../src/disk/parent-path.js';
import { temporaryFolder } from '../support/folder.js';

const SIZE = 1024 * 1024;
const OTHER_ID = '11111111-2222-3333-4444-555555555555';

async function parentIn(folder: string, name = 'parent.vhd', more = {}) {
  return writeImage({
    path: join(folder, name),
    type: 'dynamic',
    size: SIZE,
    writes: [{ offset: 0, data: Buffer.alloc(512, 1) }],
    ...more,
  });
}

async function childOf(
  folder: string,
  parent: { path: string; id: string },
  locators: readonly LocatorSpec[],
  more = {},
) {
  return writeImage({
    path: join(folder, 'child.vhd'),
    type: 'differencing',
    size: SIZE,
    parent: { ...parent, locators, ...more },
    writes: [],
  });
}

async function finds(t: Test, path: string, parent: string, options = {}): Promise<readonly string[]> {
  await using disk = await openDisk(path, options);
  t.equal(disk.layers[1]?.path, parent);
  return disk.warnings.map(({ message }) => message);
}

t.test('a parent is found by each kind of name', async (t) => {
  const folder = await temporaryFolder(t);
  await mkdir(join(folder, 'sub dir'));
  const beside = await parentIn(folder);
  const below = await parentIn(join(folder, 'sub dir'), 'elsewhere ü.vhd');
  const cases: readonly (readonly [
    what: string,
    parent: { path: string; id: string },
    locators: readonly LocatorSpec[],
    more?: object,
  ])[] = [
    ['relative, as Windows writes it', beside, [{ code: 'W2ru', text: '.\\parent.vhd' }]],
    ['relative without a prefix, as VirtualBox writes it', beside, [{ code: 'W2ru', text: 'parent.vhd' }]],
    ['relative, into another folder', below, [{ code: 'W2ru', text: '.\\sub dir\\elsewhere ü.vhd' }]],
    [
      'relative, with slashes, in the absolute locator, as Xen Orchestra writes it',
      beside,
      [{ code: 'W2ku', text: './parent.vhd', dataSpaceInSectors: true }],
    ],
    [
      'an absolute Unix path in the absolute locator, as VirtualBox writes it',
      below,
      [{ code: 'W2ku', text: below.path }],
    ],
    ['a Windows path with a drive: its name beside the child', beside, [{ code: 'W2ku', text: 'C:\\vms\\parent.vhd' }]],
    ['a UNC path: its name beside the child', beside, [{ code: 'W2ku', text: '\\\\server\\share\\parent.vhd' }]],
    ['a file URL, as Xen writes it', beside, [{ code: 'MacX', text: 'file://./parent.vhd' }]],
    ['a trailing NUL', beside, [{ code: 'W2ru', text: '.\\parent.vhd\0' }]],
    ['the name in the header alone', beside, []],
    [
      'a legacy locator before the right one',
      beside,
      [
        { code: 'Wi2r', text: '.\\nowhere.vhd' },
        { code: 'W2ru', text: '.\\parent.vhd' },
      ],
    ],
    [
      'a wrong file first, the right one by the second locator',
      beside,
      [
        { code: 'W2ru', text: '.\\sub dir\\elsewhere ü.vhd' },
        { code: 'W2ku', text: 'parent.vhd' },
      ],
    ],
  ];
  for (const [what, parent, locators, more] of cases) {
    await t.test(what, async (t) => finds(t, (await childOf(folder, parent, locators, more)).path, parent.path));
  }
});

t.test('a relative name is meant from the folder of the file that holds it', async (t) => {
  const folder = await temporaryFolder(t);
  await mkdir(join(folder, 'a', 'b'), { recursive: true });
  const root = await parentIn(join(folder, 'a', 'b'), 'root.vhd');
  const middle = await writeImage({
    path: join(folder, 'a', 'middle.vhd'),
    type: 'differencing',
    size: SIZE,
    parent: { ...root, locators: [{ code: 'W2ru', text: '.\\b\\root.vhd' }] },
    writes: [],
  });
  const top = await writeImage({
    path: join(folder, 'top.vhd'),
    type: 'differencing',
    size: SIZE,
    parent: { ...middle, locators: [{ code: 'W2ru', text: '.\\a\\middle.vhd' }] },
    writes: [],
  });
  await using disk = await openDisk(top.path);
  t.strictSame(
    disk.layers.map(({ path }) => path),
    [top.path, middle.path, root.path],
  );
});

t.test('--parent-dir finds a parent that was moved', async (t) => {
  const folder = await temporaryFolder(t);
  await mkdir(join(folder, 'moved'));
  const parent = await parentIn(folder);
  const child = await childOf(folder, parent, [{ code: 'W2ku', text: 'D:\\old\\parent.vhd' }]);
  const moved = join(folder, 'moved', 'parent.vhd');
  await rename(parent.path, moved);
  await t.rejects(openDisk(child.path), { code: 'chain-broken', hint: /`parentDirs`/, message: new RegExp(child.id) });
  await finds(t, child.path, moved, { parentDirs: [join(folder, 'moved')] });
});

t.test('only the right id makes a parent; another time stamp is a warning', async (t) => {
  const folder = await temporaryFolder(t);
  const parent = await parentIn(folder);
  const wrong = await childOf(folder, { ...parent, id: OTHER_ID }, [{ code: 'W2ru', text: '.\\parent.vhd' }]);
  await t.rejects(openDisk(wrong.path), { code: 'chain-broken', message: new RegExp(`${parent.id}.*${OTHER_ID}`) });
  const touched = await childOf(folder, parent, [{ code: 'W2ru', text: '.\\parent.vhd' }], { timeStamp: 7 });
  t.match(await finds(t, touched.path, parent.path), [/time stamp/]);
});

t.test('a loop and an endless chain are refused, the chain shown', async (t) => {
  const folder = await temporaryFolder(t);
  const first = { path: join(folder, 'first.vhd'), id: OTHER_ID };
  const second = await writeImage({
    path: join(folder, 'second.vhd'),
    type: 'differencing',
    size: SIZE,
    parent: first,
    writes: [],
  });
  await writeImage({ ...first, type: 'differencing', size: SIZE, parent: second, writes: [] });
  await t.rejects(openDisk(first.path), {
    code: 'chain-broken',
    message: /first\.vhd.* ← .*second\.vhd.*its own ancestor/,
  });
  let parent = await parentIn(folder, '0.vhd');
  for (let depth = 1; depth <= 128; depth++)
    parent = await writeImage({
      path: join(folder, `${depth}.vhd`),
      type: 'differencing',
      size: SIZE,
      parent,
      writes: [],
    });
  await t.rejects(openDisk(parent.path), { code: 'chain-broken', message: /deeper than 128/ });
});

t.test('Windows names mean what they say on Windows', (t) => {
  t.strictSame(parentPaths('C:\\vms\\p.vhd', '/x', 'win32')[0], 'C:\\vms\\p.vhd');
  t.strictSame(parentPaths('\\\\server\\share\\p.vhd', '/x', 'win32')[0], '\\\\server\\share\\p.vhd');
  t.strictSame(parentPaths('C:\\vms\\p.vhd', '/x', 'linux'), ['/x/p.vhd']);
  t.end();
});

t.test(
  'a named pipe is refused, and not waited for',
  { skip: process.platform === 'win32' && 'Windows has no named pipes in folders' },
  async (t) => {
    const pipe = join(await temporaryFolder(t), 'pipe.vhd');
    execFileSync('mkfifo', [pipe]);
    await t.rejects(openDisk(pipe), { code: 'disk-unreadable', message: /not a regular file/ });
  },
);

t.test('a parent of which every other sector holds data is no trouble', async (t) => {
  const folder = await temporaryFolder(t);
  const size = 64 * 1024 * 1024;
  const root = await writeImage({ path: join(folder, 'root.vhd'), type: 'dynamic', size, writes: [] });
  const sector = Buffer.alloc(512, 1);
  const writes = Array.from({ length: size / 1024 }, (_, index) => ({ offset: index * 1024, data: sector }));
  const parent = await writeImage({
    path: join(folder, 'parent.vhd'),
    type: 'differencing',
    size,
    parent: root,
    writes,
  });
  const child = await writeImage({ path: join(folder, 'child.vhd'), type: 'differencing', size, parent, writes: [] });
  await using disk = await openDisk(child.path);
  let data = 0;
  for await (const { kind } of disk.extents()) data += kind === 'data' ? 1 : 0;
  t.equal(data, writes.length);
});
