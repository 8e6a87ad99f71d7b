import { randomBytes } from 'node:crypto';
import { chmod, copyFile, link, readdir, rename, rm, stat, truncate, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { flatten, writeImage, type Write } from '../../fixtures/vhd.js';
import { FixedStream, openDisk, type Disk } from '../../src/index.js';
import { localFiles, type Files, type FileTimes } from '../../src/disk/file.js';
import { openDiskFrom } from '../../src/disk/open.js';
import type { Content } from '../../src/content/digest-computation.js';
import { scanForDigests } from '../../src/content/running-digest.js';
import { DiskDigests } from '../../src/content/disk-digests.js';
import { Session } from '../../src/session/session.js';
import { SourceGuard } from '../../src/content/source-guard.js';
import { DigestCache } from '../../src/state/digest-cache.js';
import { temporaryFolder } from '../support/folder.js';
import { contentOf } from '../support/pull-scene.js';
import { OLD, makeOld, tear } from '../support/vhd-places.js';

const KIB = 1024;
const SIZE = 256 * KIB;
const BLOCK = 16 * KIB;
const CHANGED = { code: 'source-changed' };

/** A child over a parent, with times that can be put back. */
async function scene(t: Test) {
  const folder = await temporaryFolder(t);
  const parentWrites: Write[] = [{ offset: 0, data: randomBytes(64 * KIB) }];
  const childWrites: Write[] = [
    { offset: 512, data: randomBytes(512) },
    { offset: 40 * KIB, data: randomBytes(512) },
  ];
  const parent = await writeImage({
    path: join(folder, 'parent.vhd'),
    type: 'dynamic',
    size: SIZE,
    blockSize: BLOCK,
    writes: parentWrites,
  });
  const child = await writeImage({
    path: join(folder, 'child.vhd'),
    type: 'differencing',
    size: SIZE,
    blockSize: BLOCK,
    parent,
    writes: childWrites,
  });
  await makeOld(parent.path);
  await makeOld(child.path);
  return {
    folder,
    parent: parent.path,
    child: child.path,
    content: flatten([
      { size: SIZE, writes: parentWrites },
      { size: SIZE, writes: childWrites },
    ]),
  };
}

/** Another sector in the first block. */
const newData = async (path: string) =>
  tear(path, async (file, { blocks }) => {
    await file.write(randomBytes(512), 0, 512, blocks[0]?.position ?? 0);
  });
/** The first two blocks change places. */
const newTable = async (path: string) =>
  tear(path, async (file, { entries: [a = 0, b = 0] }) => {
    const bytes = Buffer.alloc(8);
    await file.read(bytes, 0, 4, a);
    await file.read(bytes, 4, 4, b);
    await file.write(bytes, 4, 4, a);
    await file.write(bytes, 0, 4, b);
  });

/** The files of this machine, with other times than they have, and how often they are asked for them. */
function filesWith(timesOf: (times: FileTimes) => FileTimes = (times) => times): {
  files: Files;
  count: { looks: number };
} {
  const count = { looks: 0 };
  const files: Files = {
    realPath: (path) => localFiles.realPath(path),
    open: async (path) => {
      const file = await localFiles.open(path);
      return {
        path,
        size: file.size,
        identity: file.identity,
        read: (position, into) => file.read(position, into),
        statPath: async () => {
          count.looks++;
          return timesOf(await file.statPath());
        },
        close: () => file.close(),
      };
    },
  };
  return { files, count };
}

t.test('files that stay as they are, are read or are opened once more, are untouched', async (t) => {
  const { child } = await scene(t);
  await using disk = await openDisk(child);
  const guard = await SourceGuard.begin(disk, {
    onTouched: () => {
      t.fail();
    },
  });
  await contentOf(guard.disk);
  await using other = await openDisk(child);
  await contentOf(other);
  t.equal(await guard.isUntouched(), true);
});

t.test('files that changed end with an error that names the file', async (t) => {
  const changes: readonly (readonly [name: string, change: (path: string) => Promise<void>, message: RegExp])[] = [
    ['another time of modification', (path) => utimes(path, OLD, OLD + 1), /parent\.vhd: it was written to/],
    ['a file that is cut short', (path) => truncate(path, 8 * KIB), /parent\.vhd: (its size was|the file ends)/],
    ['a file that is gone', (path) => rm(path), /parent\.vhd: no such file/],
    [
      'an equal file in its place',
      async (path) => {
        await copyFile(path, `${path}.new`);
        await makeOld(`${path}.new`);
        await rename(`${path}.new`, path);
      },
      /parent\.vhd: another file is in its place/,
    ],
    ['another block table, the time put back', newTable, /parent\.vhd: its headers or tables are no longer the same/],
    [
      'another header, the time put back',
      (path) =>
        tear(path, async (file) => {
          await file.write(Buffer.from('other'), 0, 5, 512 + 900);
        }),
      /parent\.vhd: its headers or tables are no longer the same/,
    ],
  ];
  for (const [name, change, message] of changes) {
    const { parent, child } = await scene(t);
    await using disk = await openDisk(child);
    const guard = await SourceGuard.begin(disk, { hint: 'do something' });
    await change(parent);
    await t.rejects(guard.isUntouched(), { ...CHANGED, message, hint: 'do something' }, name);
  }
});

t.test(
  'a chmod, a new hard link and a write whose time was put back cannot be told apart: the file was touched',
  async (t) => {
    const touches: readonly (readonly [name: string, touch: (path: string) => Promise<void>])[] = [
      ['chmod', (path) => chmod(path, 0o600)],
      ['hard link', (path) => link(path, `${path}.link`)],
      ['write', newData],
    ];
    for (const [name, touch] of touches) {
      const { parent, child } = await scene(t);
      await using disk = await openDisk(child);
      const touched: string[] = [];
      const guard = await SourceGuard.begin(disk, {
        onTouched: (path) => {
          touched.push(path);
        },
      });
      const { times } = guard;
      await touch(parent);
      t.equal(await guard.isUntouched(), false, name);
      t.equal(await guard.isUntouched(), false, 'and stays so');
      t.strictSame(touched, [parent], 'it is said once');
      let runs = 0;
      t.equal(
        await guard.repeatUntilUntouched(() => Promise.resolve(++runs)),
        1,
        'and then looked at from its new state',
      );
      t.not(guard.times, times);
      t.equal(await guard.isUntouched(), true);
    }
  },
);

t.test(
  'what was touched between the opening and the beginning is taken as it is at the beginning; what changed is refused',
  async (t) => {
    const { child, parent } = await scene(t);
    await using disk = await openDisk(child);
    await contentOf(disk);
    await tear(child, async (file, { bitmaps }) => {
      await file.write(Buffer.from([0xff]), 0, 1, bitmaps[0] ?? 0);
    });
    const guard = await SourceGuard.begin(disk);
    t.not(guard.files[0]?.ctimeNs, disk.openedFiles[0]?.ctimeNs);
    t.strictSame(guard.disk.openedFiles, guard.files, 'also for who remembers digests by it');
    t.strictSame(guard.disk.ancestor(1).openedFiles, guard.files.slice(1));
    await using fresh = await openDisk(child);
    t.ok((await contentOf(guard.disk)).equals(await contentOf(fresh)), 'no bitmap of before is used');
    t.equal(await guard.isUntouched(), true);
    await utimes(parent, OLD, OLD + 1);
    await t.rejects(SourceGuard.begin(disk), { ...CHANGED, message: /parent\.vhd/ });
  },
);

t.test(
  'work is done again while files are touched, each time from the bytes that are there, and three times at most',
  async (t) => {
    const { child } = await scene(t);
    await using disk = await openDisk(child);
    const guard = await SourceGuard.begin(disk);
    let bit = 1;
    let tears = 2;
    let runs = 0;
    const read = async () => {
      runs++;
      const content = await contentOf(guard.disk);
      if (tears-- > 0)
        await tear(child, async (file, { bitmaps }) => {
          await file.write(Buffer.from([(bit <<= 1)]), 0, 1, bitmaps[0] ?? 0);
        });
      return content;
    };
    const content = await guard.repeatUntilUntouched(read);
    t.equal(runs, 3, 'the third time it stood still');
    await using fresh = await openDisk(child);
    t.ok(content.equals(await contentOf(fresh)), 'sector bitmaps that were kept are read again');
    tears = Infinity;
    runs = 0;
    await t.rejects(guard.repeatUntilUntouched(read), {
      ...CHANGED,
      message: /child\.vhd: it is written to, or touched, again and again/,
    });
    t.equal(runs, 3);
  },
);

t.test('a change ends a long read soon, though thousands of reads ask for few looks', async (t) => {
  const { child, parent } = await scene(t);
  const { files, count } = filesWith();
  await using disk = await openDiskFrom(files, child);
  const guard = await SourceGuard.begin(disk);
  const sector = Buffer.alloc(512);
  const read = (from: Disk) => from.read(0, sector);
  count.looks = 0;
  const began = performance.now();
  for (let index = 0; index < 5000; index++) await read(guard.disk);
  const most = 2 * Math.ceil((performance.now() - began) / 100);
  t.ok(count.looks <= most, `${count.looks} looks at two files`);
  await chmod(parent, 0o600);
  await utimes(parent, OLD, OLD + 1);
  const until = performance.now() + 10_000;
  let isEnded = false;
  while (!isEnded && performance.now() < until) {
    // An ancestor is watched with the whole.
    isEnded = await read(guard.disk.ancestor(1)).then(
      () => false,
      (error: { code: string }) => error.code === 'source-changed',
    );
    await sleep(1);
  }
  t.ok(isEnded);
  await t.rejects(
    (async () => {
      for await (const stretch of guard.disk.extentBatches()) {
        await sleep(101);
        void stretch;
      }
    })(),
    CHANGED,
    'also while the plan is made',
  );
});

t.test('a write in the tick of the clock in which a file was changed before is noticed', async (t) => {
  const { child, content } = await scene(t);
  const { ctimeNs: first } = await stat(child, { bigint: true });
  // As of a kernel whose clock goes in steps of 15 ms, the first of which began with the last change.
  const tick = 15_000_000n;
  const coarse = (ns: bigint) => (ns < first ? ns : first + ((ns - first) / tick) * tick);
  const { files } = filesWith(({ mtimeNs, ctimeNs, ...times }) => ({ ...times, mtimeNs, ctimeNs: coarse(ctimeNs) }));
  await using disk = await openDiskFrom(files, child);
  const guard = await SourceGuard.begin(disk);
  const sector = Buffer.alloc(512);
  await guard.disk.read(512, sector);
  t.ok(sector.equals(content.subarray(512, 1024)));
  await tear(child, async (file, { blocks }) => {
    await file.write(randomBytes(512), 0, 512, (blocks[0]?.position ?? 0) + 512);
  });
  t.equal(await guard.isUntouched(), false);
});

t.test('a digest that was computed while a file was touched is remembered for no state of it', async (t) => {
  const { folder, child, parent } = await scene(t);
  const cacheFolder = join(folder, 'cache');
  const cache = new DigestCache(cacheFolder, -60_000);
  await using disk = await openDisk(child);
  const guard = await SourceGuard.begin(disk);
  const session = new Session({});
  const compute = async (meddle: () => Promise<void>) => {
    const digests = new DiskDigests(session, guard.disk, cache);
    let isRead = false;
    const content: Content = {
      size: guard.disk.size,
      extentBatches: (options) => guard.disk.extentBatches(options),
      read: async (offset, into) => {
        await guard.disk.read(offset, into);
        if (!isRead) await meddle();
        isRead = true;
      },
    };
    return scanForDigests(
      session,
      content,
      await digests.start(0, { tree: true, md5: new FixedStream(guard.disk) }, 'digest', false),
      1,
    );
  };
  await compute(() => newData(parent));
  t.strictSame(await readdir(cacheFolder).catch(() => []), []);
  t.equal(await guard.isUntouched(), false);
  const right = await guard.repeatUntilUntouched(() => compute(() => Promise.resolve()));
  t.equal((await readdir(cacheFolder)).length, 2, 'what was computed in one state is');
  await using fresh = await openDisk(child);
  const digests = await new DiskDigests(session, fresh, undefined).of(
    0,
    { tree: true, md5: new FixedStream(fresh) },
    'digest',
  );
  const cached = await new DiskDigests(session, fresh, cache).of(
    0,
    { tree: true, md5: new FixedStream(fresh) },
    'digest',
  );
  for (const [found, what] of [
    [right, 'computed in one state'],
    [cached, 'and found again under that state'],
  ] as const)
    t.strictSame([found.tree, found.md5], [digests.tree, digests.md5], what);
});
