import { createHash, randomBytes, randomUUID } from 'node:crypto';
import {
  appendFile,
  copyFile,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { basename, join } from 'node:path';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { FixedStream, fixedFooterOf, openDisk, type Disk, type Extent } from '../../src/index.js';
import { TreeHasher, leafValues } from '../../src/digest/tree.js';
import { scanForDigests } from '../../src/content/running-digest.js';
import { DiskDigests } from '../../src/content/disk-digests.js';
import { Session } from '../../src/session/session.js';
import { DigestCache } from '../../src/state/digest-cache.js';
import type { LeafFile, LeafFileWriter } from '../../src/state/leaf-file.js';
import { flatten, writeImage, type Write } from '../../fixtures/vhd.js';
import { chains, writeChain } from '../support/chains.js';
import { temporaryFolder } from '../support/folder.js';
import { scaled, seedOfRun } from '../support/scale.js';

const seed = seedOfRun();
t.comment(`seed ${seed}`);
const MIB = 1024 ** 2;

/** A disk that counts what is read of it. */
class CountingDisk implements Disk {
  readonly #disk: Disk;
  readonly #count: { read: number };

  constructor(disk: Disk, count: { read: number }) {
    this.#disk = disk;
    this.#count = count;
  }

  get size() {
    return this.#disk.size;
  }
  get sectorSize() {
    return this.#disk.sectorSize;
  }
  get layers() {
    return this.#disk.layers;
  }
  get id() {
    return this.#disk.id;
  }
  get creation() {
    return this.#disk.creation;
  }
  get warnings() {
    return this.#disk.warnings;
  }
  get openedFiles() {
    return this.#disk.openedFiles;
  }
  extents(options?: { readonly above?: number }): AsyncIterable<Extent> {
    return this.#disk.extents(options);
  }
  extentBatches(options?: { readonly above?: number }): AsyncIterable<Iterable<Extent>> {
    return this.#disk.extentBatches(options);
  }
  sourceFiles() {
    return this.#disk.sourceFiles();
  }
  fileStates() {
    return this.#disk.fileStates();
  }
  dropCache() {
    this.#disk.dropCache();
  }
  close() {
    return this.#disk.close();
  }
  [Symbol.asyncDispose]() {
    return this.close();
  }
  ancestor(layer: number): Disk {
    return new CountingDisk(this.#disk.ancestor(layer), this.#count);
  }

  async read(offset: number, into: Uint8Array): Promise<void> {
    this.#count.read += into.length;
    await this.#disk.read(offset, into);
  }
}

/** Both digests of a layer of a disk, as a process would find them, and how many bytes it read. */
async function digests(
  path: string,
  cache: DigestCache | undefined,
  layer = 0,
): Promise<{ md5: string; tree: string; read: number }> {
  const count = { read: 0 };
  await using disk = new CountingDisk(await openDisk(path), count);
  const found = await new DiskDigests(new Session({}), disk, cache).of(
    layer,
    { md5: new FixedStream(disk.ancestor(layer)), tree: true },
    'digest',
  );
  return { md5: found.md5?.toString('hex') ?? '', tree: found.tree?.toString('hex') ?? '', read: count.read };
}

/** What they have to be. */
async function expected(path: string, content: Buffer, layer = 0): Promise<{ md5: string; tree: string }> {
  await using disk = await openDisk(path);
  const tree = new TreeHasher(content.length);
  if (content.length > 0) tree.add(0, leafValues(content));
  return {
    md5: createHash('md5')
      .update(content)
      .update(fixedFooterOf(disk.ancestor(layer)))
      .digest('hex'),
    tree: tree.digest().toString('hex'),
  };
}

/** One that remembers files however young they are. */
function cacheIn(folder: string): DigestCache {
  return new DigestCache(folder, -60_000);
}

async function scene(t: Test) {
  const folder = await temporaryFolder(t);
  const size = 9 * MIB + 512;
  const parentWrites: Write[] = [
    { offset: 0, data: randomBytes(MIB) },
    { offset: 5 * MIB - 512, data: randomBytes(MIB) },
  ];
  const childWrites: Write[] = [
    { offset: 512, data: randomBytes(512) },
    { offset: 5 * MIB, data: Buffer.alloc(64 * 1024) },
    { offset: size - 512, data: randomBytes(512) },
  ];
  const parent = await writeImage({ path: join(folder, 'parent.vhd'), type: 'dynamic', size, writes: parentWrites });
  const child = await writeImage({
    path: join(folder, 'child.vhd'),
    type: 'differencing',
    size,
    parent,
    writes: childWrites,
  });
  const cacheFolder = join(folder, 'cache');
  return {
    folder,
    cacheFolder,
    cache: cacheIn(cacheFolder),
    parent: parent.path,
    child: child.path,
    parentContent: flatten([{ size, writes: parentWrites }]),
    content: flatten([
      { size, writes: parentWrites },
      { size, writes: childWrites },
    ]),
  };
}

t.test('the digests of any layer of any chain are right, whichever ancestor is known', async (t) => {
  const folder = await temporaryFolder(t);
  let number = 0;
  await fc.assert(
    fc.asyncProperty(chains, fc.nat(5), fc.nat(5), async (specs, known, wanted) => {
      const own = join(folder, String(number++));
      await mkdir(own);
      const written = await writeChain(own, specs);
      const path = written.at(-1)?.path ?? '';
      const cache = cacheIn(join(own, 'cache'));
      for (const layer of [known, wanted, 0].map((any) => any % written.length)) {
        const content = written[written.length - 1 - layer]?.content ?? Buffer.alloc(0);
        const { read, ...found } = await digests(path, cache, layer);
        t.strictSame(
          found,
          await expected(path, content, layer),
          `layer ${layer} of ${written.length}, ${read} bytes read`,
        );
      }
    }),
    { seed, numRuns: scaled(40) },
  );
});

t.test('of an unchanged disk nothing is read again, of a child only what changed', async (t) => {
  const { child, parent, cache, content, parentContent } = await scene(t);
  const first = await digests(parent, cache);
  t.ok(first.read >= 2 * MIB, 'all blocks that the parent has');
  t.match(first, await expected(parent, parentContent));
  t.strictSame(await digests(parent, cache), { ...first, read: 0 });
  t.strictSame(
    { ...(await digests(child, cache, 1)), read: 0 },
    { ...first, read: 0 },
    'also as the ancestor of another',
  );

  const count = { read: 0 };
  await using disk = new CountingDisk(await openDisk(child), count);
  const { tree } = await new DiskDigests(new Session({}), disk, cache).of(0, { tree: true }, 'digest');
  t.equal(tree?.toString('hex'), (await expected(child, content)).tree);
  // Three places changed; the second one lies across no other leaf than its own.
  t.ok(count.read <= 3 * 64 * 1024, `${count.read} bytes`);
});

t.test('a file that may be another one is read again', async (t) => {
  const { folder, parent, cache, parentContent } = await scene(t);
  // Whole seconds can be put back exactly.
  const then = 1_700_000_000;
  await utimes(parent, then, then);
  await digests(parent, cache);
  const other = Buffer.from(parentContent);
  other.writeUInt8(other.readUInt8(0) ^ 1, 0);
  const where = (await readFile(parent)).indexOf(parentContent.subarray(0, 512));
  await t.test('written to, its time of modification put back', async (t) => {
    const file = await open(parent, 'r+');
    await file.write(other, 0, 1, where);
    await file.close();
    await utimes(parent, then, then);
    t.match(await digests(parent, cache), await expected(parent, other));
  });
  await t.test('replaced by a copy', async (t) => {
    const copy = join(folder, 'copy.vhd');
    await copyFile(parent, copy);
    await utimes(copy, then, then);
    await rename(copy, parent);
    const { read } = await digests(parent, cache);
    t.ok(read > 0);
    t.equal((await digests(parent, cache)).read, 0, 'and then remembered');
  });
  await t.test('touched', async (t) => {
    await utimes(parent, new Date(), new Date());
    t.ok((await digests(parent, cache)).read > 0);
  });
});

t.test(
  'a file that changed less than a minute before it was opened is not remembered, nor one with times to come',
  async (t) => {
    const { parent, cacheFolder } = await scene(t);
    const cache = new DigestCache(cacheFolder);
    await digests(parent, cache);
    await utimes(parent, new Date(Date.now() + 1e6), new Date(Date.now() + 1e6));
    await digests(parent, cache);
    t.strictSame(await readdir(cacheFolder).catch(() => []), []);
    const now = Date.now();
    const times = (ms: number) => ({ mtimeNs: BigInt(ms) * 1_000_000n, ctimeNs: BigInt(ms) * 1_000_000n, seenMs: now });
    t.equal(cache.canRemember([times(now - 61_000)]), true);
    t.equal(cache.canRemember([times(now - 59_000)]), false);
    t.equal(
      cache.canRemember([times(now - 61_000), { ...times(now - 61_000), ctimeNs: BigInt(now) * 1_000_000n }]),
      false,
    );
    t.equal(cache.canRemember([{ ...times(now - 61_000), seenMs: now - 10_000 }]), false, 'young when it was opened');
  },
);

t.test('what changes while it is read is not remembered', async (t) => {
  const { parent, cacheFolder, cache } = await scene(t);
  await using disk = await openDisk(parent);
  const found = new DiskDigests(new Session({}), disk, cache);
  const pass = await found.start(0, { tree: true, md5: new FixedStream(disk) }, 'digest', true);
  await utimes(parent, new Date(), new Date());
  for (const consumer of pass.consumers)
    for (const { offset, length } of consumer.ranges) t.ok(offset + length <= disk.size);
  await pass.finish();
  await pass.close();
  t.strictSame(await readdir(cacheFolder), []);
});

t.test('records that are damaged count as none', async (t) => {
  const { parent, cache, cacheFolder, parentContent } = await scene(t);
  const right = await expected(parent, parentContent);
  await digests(parent, cache);
  for (const name of await readdir(cacheFolder)) {
    const path = join(cacheFolder, name);
    const whole = await readFile(path);
    if (process.platform !== 'win32') t.equal((await stat(path)).mode & 0o777, 0o600);
    const places = [0, 20, 50, 90, 93, 100, whole.length - 13, whole.length - 1].filter((at) => at < whole.length);
    for (const at of places) {
      const damaged = Buffer.from(whole);
      damaged.writeUInt8(damaged.readUInt8(at) ^ 0x10, at);
      await writeFile(path, damaged);
      t.match(await digests(parent, cache), right, `${name}: byte ${at}`);
    }
    await truncate(path, whole.length - 20);
    t.match(await digests(parent, cache), right, `${name} cut short`);
    await writeFile(path, '');
    t.match(await digests(parent, cache), right, `${name} empty`);
  }
  t.equal((await digests(parent, cache)).read, 0, 'what was computed instead is remembered');
});

t.test('a folder that cannot be written is no failure, and what crashed runs left is cleared away', async (t) => {
  const { parent, folder, cacheFolder, cache, parentContent } = await scene(t);
  await writeFile(join(folder, 'file'), '');
  t.match(
    await digests(parent, new DigestCache(join(folder, 'file', 'below'), -60_000)),
    await expected(parent, parentContent),
  );
  t.match(await digests(parent, undefined), await expected(parent, parentContent));

  await mkdir(cacheFolder);
  const left = join(cacheFolder, `${randomUUID()}.fresh`);
  const foreign = join(cacheFolder, 'disk.vhd');
  await writeFile(foreign, randomBytes(4 * MIB));
  await appendFile(left, 'x');
  const old = new Date(Date.now() - 2 * 24 * 60 * 60 * 1000);
  await utimes(left, old, old);
  await digests(parent, cache);
  const names = await readdir(cacheFolder);
  t.equal(names.includes(basename(left)), false);
  t.equal(names.length, 3);
  const [oldest = '', newest = ''] = names.map((name) => join(cacheFolder, name)).filter((path) => path !== foreign);
  await utimes(foreign, old, old);
  await utimes(oldest, old, old);
  await cache.trim((await stat(newest)).size);
  t.strictSame(
    await readdir(cacheFolder),
    names.filter((name) => name !== basename(oldest)),
    'the longest unused goes first, and only what is its own',
  );
});

t.test('trouble with the cache costs time, not the push', async (t) => {
  const { parent, child, cache, content, parentContent, cacheFolder } = await scene(t);
  const compute = async (path: string, own: DigestCache, meddle: () => Promise<void> = () => Promise.resolve()) => {
    await using disk = await openDisk(path);
    const session = new Session({});
    const pass = await new DiskDigests(session, disk, own).start(0, { tree: true }, 'digest', true);
    await meddle();
    const { tree } = await scanForDigests(session, disk, pass, 4);
    return tree?.toString('hex');
  };
  class Full extends DigestCache {
    override async createLeaves(): Promise<LeafFileWriter | undefined> {
      const writer = await super.createLeaves();
      if (writer) writer.add = () => Promise.reject(new Error('ENOSPC'));
      return writer;
    }
  }
  class Lost extends DigestCache {
    override async openLeaves(key: string): Promise<LeafFile | undefined> {
      const file = await super.openLeaves(key);
      let isChecked = false;
      return (
        file && {
          ...file,
          async *runs() {
            if (isChecked) throw new Error('EIO');
            isChecked = true;
            yield* file.runs();
          },
        }
      );
    }
  }
  const right = (await expected(child, content)).tree;
  t.equal(
    await compute(parent, new Full(cacheFolder, -60_000)),
    (await expected(parent, parentContent)).tree,
    'a full disk',
  );
  t.strictSame(await readdir(cacheFolder), [], 'nothing is left of it');
  await digests(parent, cache);
  t.equal(await compute(child, new Lost(cacheFolder, -60_000)), right, 'a file that cannot be read any longer');
  t.equal(
    await compute(child, cache, () => rm(cacheFolder, { recursive: true })),
    right,
    'a folder that is deleted meanwhile',
  );
});
