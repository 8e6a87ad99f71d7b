import { open } from 'node:fs/promises';
import t, { type Test } from 'tap';
import { openChain } from '../../src/disk/chain.js';
import type { Extent } from '../../src/disk/disk.js';
import { localFiles, type Files } from '../../src/disk/file.js';
import { MemoryBudget } from '../../src/disk/memory-budget.js';
import { openDisk, type Disk } from '../../src/index.js';
import { temporaryFolder } from '../support/folder.js';
import { randomFrom } from '../support/gate/faults.js';
import {
  filesThatWatchMemory,
  SCATTERED_SIZE as SIZE,
  scatteredChain,
  tableOffset,
} from '../support/scattered-chain.js';
import { SparseFiles, sparseChain } from '../support/sparse-files.js';

const MIB = 1024 * 1024;
/** With the smallest blocks that are read the table has 64 MiB. */
const SMALL_BLOCK = 128 * 1024;
const seed = Number(process.env['VHDUP_SEED'] ?? Date.now() % 2 ** 32);
t.comment(`seed ${seed}`);
t.setTimeout(600_000);

async function extentsOf(disk: Disk): Promise<Extent[]> {
  const extents: Extent[] = [];
  for await (const extent of disk.extents()) extents.push(extent);
  return extents;
}

/** With a block in each page of each table. */
async function chainOf(t: Test, layers: number): Promise<string> {
  return scatteredChain({ folder: await temporaryFolder(t), layers, blockSize: SMALL_BLOCK, every: 4096 });
}

t.test('a chain takes at most 300 MiB for its tables, however large they are together', async (t) => {
  const layers = 8;
  const path = await chainOf(t, layers);
  const memory = filesThatWatchMemory();
  await using disk = await openChain(path, memory.files);
  memory.look();
  t.match(await extentsOf(disk), [{ offset: 0, kind: 'data', layer: layers - 1 }]);
  memory.look();
  t.equal((await disk.sourceFiles()).length, layers);
  t.ok(memory.most() < 300 * MIB, `${Math.round(memory.most() / MIB)} MiB of buffers; the tables have ${layers * 64}`);
});

t.test('a disk is the same whether its tables are kept or read again', async (t) => {
  const random = randomFrom(seed);
  const block = 2 * MIB;
  const blocks = SIZE / block;
  const bitmaps = [
    new Uint8Array(512).fill(0xff),
    new Uint8Array(512),
    new Uint8Array(512).fill(0xff, 10, 20).fill(0x0f, 100, 101),
  ];
  const layers = (
    await sparseChain(
      await temporaryFolder(t),
      [0, 1, 2].map((index) => ({
        name: index === 0 ? 'root0' : `child${index}`,
        type: index === 0 ? ('dynamic' as const) : ('differencing' as const),
        size: SIZE,
        blockSize: block,
        // Crowds with deserts between them.
        blocks: new Map(
          Array.from({ length: 40 }, () => Math.floor(random() * (blocks - 5000))).flatMap((from) =>
            Array.from(
              { length: 50 },
              () =>
                [
                  from + Math.floor(random() * 5000),
                  bitmaps[index === 0 ? 0 : Math.floor(random() * 3)] ?? new Uint8Array(512),
                ] as const,
            ),
          ),
        ),
      })),
    )
  ).reverse();
  const path = layers[0]?.path ?? '';
  const openWith = (bytes: number) => openChain(path, new SparseFiles(layers), {}, new MemoryBudget(bytes));
  await using kept = await openWith(Infinity);
  const expected = await extentsOf(kept);
  for (const bytes of [0, 40 * 16 * 1024]) {
    await using again = await openWith(bytes);
    t.strictSame(
      again.openedFiles.map(({ structure }) => structure),
      kept.openedFiles.map(({ structure }) => structure),
      'the same fingerprint',
    );
    t.strictSame(await extentsOf(again), expected, `${expected.length} extents`);
    for (let round = 0; round < 300; round++) {
      const near = expected[Math.floor(random() * expected.length)];
      const offset = Math.min(
        SIZE - 8192,
        (near?.offset ?? 0) + Math.floor((random() * (near?.length ?? 1)) / 512) * 512,
      );
      const [one, other] = [new Uint8Array(8192), new Uint8Array(8192)];
      await kept.read(offset, one);
      await again.read(offset, other);
      if (Buffer.compare(one, other) !== 0) t.fail(`at ${offset}`);
    }
  }
});

t.test('a table that changes after it was checked is refused, not followed', async (t) => {
  const path = await chainOf(t, 1);
  await using disk = await openChain(path, localFiles, {}, new MemoryBudget(0));
  const file = await open(path, 'r+');
  await file.write(Buffer.from([0, 0, 0, 1]), 0, 4, (await tableOffset(file)) + 8192 * 4);
  await file.close();
  await t.rejects(extentsOf(disk), { code: 'source-changed', message: /its BAT changed while it was read/ });
});

t.test('a file that is closed gives back what it took', async (t) => {
  const path = await chainOf(t, 1);
  const memory = new MemoryBudget(100 * MIB);
  const read = async () => openChain(path, localFiles, {}, memory);
  for (let round = 0; round < 2; round++) {
    const disk = await read();
    t.notOk(memory.reserve(100 * MIB), 'it takes some');
    await disk.close();
    t.ok(memory.reserve(100 * MIB));
    memory.release(100 * MIB);
  }
  await using disk = await openDisk(path);
  t.equal(disk.layers.length, 1);
});

t.test('a file that cannot be read to its end gives back what it took', async (t) => {
  const path = await chainOf(t, 2);
  const memory = new MemoryBudget(100 * MIB);
  const bad = (isBad: (position: number, length: number) => boolean): Files => ({
    realPath: (at) => localFiles.realPath(at),
    open: async (at) => {
      const file = await localFiles.open(at);
      const read = (position: number, into: Uint8Array) =>
        isBad(position, into.length) ? Promise.reject(new Error('a bad sector')) : file.read(position, into);
      return {
        path: file.path,
        size: file.size,
        identity: file.identity,
        read,
        statPath: () => file.statPath(),
        close: () => file.close(),
      };
    },
  });
  const places = new Set<number>();
  const opened = (files: Files) => openChain(path, files, {}, memory);
  await (
    await opened(
      bad((position, length) => {
        if (length >= 4) places.add(position);
        return false;
      }),
    )
  ).close();
  t.ok(places.size > 20, `${places.size} places`);
  // A table takes half a second: of its places a fourth, and all that come behind it.
  const tried = [...places].filter((_, index) => index % 4 === 0 || index > places.size - 6);
  for (const place of tried) {
    await t.rejects(opened(bad((position) => position === place)), /a bad sector/);
    t.ok(memory.reserve(100 * MIB), `all of it, at ${place}`);
    memory.release(100 * MIB);
  }
});
