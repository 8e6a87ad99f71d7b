import { open } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { openChain } from '../../../src/disk/chain.js';
import { localFiles } from '../../../src/disk/file.js';
import { MemoryBudget } from '../../../src/disk/memory-budget.js';
import type { Disk } from '../../../src/index.js';
import { temporaryFolder } from '../../support/folder.js';
import { Random } from '../../support/mutations.js';
import { filesThatWatchMemory } from '../../support/scattered-chain.js';

const MIB = 1024 * 1024;
const SIZE = 2 * 1024 ** 4;
const CLUSTER = 65_536;
const PER_TABLE = CLUSTER / 8;
const TABLES = SIZE / CLUSTER / PER_TABLE;

/** A disk of 2 TiB with all its L2 tables, `perTable` clusters in each; the clusters themselves are a hole. */
async function scatteredImage(t: Test, perTable: number): Promise<string> {
  const path = join(await temporaryFolder(t), 'large.qcow2');
  const header = Buffer.alloc(104);
  header.write('QFI\xfb', 0, 'latin1');
  header.writeUInt32BE(3, 4);
  header.writeUInt32BE(16, 20);
  header.writeBigUInt64BE(BigInt(SIZE), 24);
  header.writeUInt32BE(TABLES, 36);
  header.writeBigUInt64BE(BigInt(CLUSTER), 40);
  header.writeUInt32BE(4, 96);
  header.writeUInt32BE(104, 100);
  const random = new Random(1);
  const l1 = Buffer.alloc(TABLES * 8);
  const file = await open(path, 'w');
  let next = (2 + TABLES) * CLUSTER;
  for (let table = 0; table < TABLES; table++) {
    const offset = (2 + table) * CLUSTER;
    l1.writeBigUInt64BE(BigInt(offset), table * 8);
    const l2 = Buffer.alloc(CLUSTER);
    const slot = Math.floor(PER_TABLE / perTable);
    for (let index = 0; index < perTable; index++) {
      l2.writeBigUInt64BE(BigInt(next), (index * slot + random.below(slot - 1)) * 8);
      next += CLUSTER;
    }
    await file.write(l2, 0, l2.length, offset);
  }
  await file.write(header, 0, header.length, 0);
  await file.write(l1, 0, l1.length, CLUSTER);
  await file.truncate(next);
  await file.close();
  return path;
}

async function countData(disk: Disk): Promise<number> {
  let found = 0;
  for await (const batch of disk.extentBatches())
    for (const { kind, length } of batch) if (kind === 'data') found += length / CLUSTER;
  return found;
}

t.test('a disk of 2 TiB with 256 MiB of tables takes at most 300 MiB', { timeout: 300_000 }, async (t) => {
  const perTable = 64;
  const path = await scatteredImage(t, perTable);
  const memory = filesThatWatchMemory();
  await using disk = await openChain(path, memory.files);
  memory.look();
  t.equal(disk.layers[0]?.allocated, TABLES * perTable * CLUSTER);
  t.equal(await countData(disk), TABLES * perTable);
  memory.look();
  t.equal((await disk.sourceFiles())[0]?.structure, disk.openedFiles[0]?.structure);
  t.ok(memory.most() < 300 * MIB, `${Math.round(memory.most() / MIB)} MiB of buffers`);
});

t.test('tables that are read again and changed meanwhile end the reading', { timeout: 300_000 }, async (t) => {
  const path = await scatteredImage(t, 2);
  await using disk = await openChain(path, localFiles, {}, new MemoryBudget(0));
  t.equal(await countData(disk), TABLES * 2);
  const file = await open(path, 'r+');
  await file.write(Buffer.alloc(CLUSTER), 0, CLUSTER, (2 + 5) * CLUSTER);
  await file.close();
  await t.rejects(countData(disk), { code: 'source-changed', message: /L2 tables/ });
});
