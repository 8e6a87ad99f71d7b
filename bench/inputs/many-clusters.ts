import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { GIB } from './input.js';
import { Random } from './random.js';

const SIZE = 2048 * GIB;
const CLUSTER_BITS = 16;
const CLUSTER = 2 ** CLUSTER_BITS;
const ENTRIES = CLUSTER / 8;
const TABLES = SIZE / CLUSTER / ENTRIES;
const CLUSTERS = 1_000_000;
const COPIED = 2n ** 63n;

/**
 * A QCOW2 image of 2 TiB with 1,000,000 clusters all over the disk, so that all 4,096 L2 tables are there. The clusters are a hole:
 * the plan does not read them.
 */
export function manyClusters(folder: string): string {
  const path = join(folder, 'many-clusters.qcow2');
  const random = new Random(1);
  const l1Offset = CLUSTER;
  const l2Offset = 3 * CLUSTER;
  let next = l2Offset + TABLES * CLUSTER;
  const file = openSync(path, 'w');
  writeSync(file, header(l1Offset), 0, 112, 0);
  const l1 = Buffer.alloc(TABLES * 8);
  for (let table = 0; table < TABLES; table++) {
    l1.writeBigUInt64BE(COPIED + BigInt(l2Offset + table * CLUSTER), table * 8);
    const l2 = Buffer.alloc(CLUSTER);
    const count = Math.floor(((table + 1) * CLUSTERS) / TABLES) - Math.floor((table * CLUSTERS) / TABLES);
    const slots = Math.floor(ENTRIES / count);
    for (let index = 0; index < count; index++) {
      l2.writeBigUInt64BE(COPIED + BigInt(next), (index * slots + random.upTo(slots)) * 8);
      next += CLUSTER;
    }
    writeSync(file, l2, 0, l2.length, l2Offset + table * CLUSTER);
  }
  writeSync(file, l1, 0, l1.length, l1Offset);
  ftruncateSync(file, next);
  closeSync(file);
  return path;
}

/** Version 3. The refcount table, behind the L1 table, is empty: it matters to those that write to the image only. */
function header(l1Offset: number): Buffer {
  const bytes = Buffer.alloc(112);
  bytes.write('QFI\xfb', 0, 'latin1');
  bytes.writeUInt32BE(3, 4);
  bytes.writeUInt32BE(CLUSTER_BITS, 20);
  bytes.writeBigUInt64BE(BigInt(SIZE), 24);
  bytes.writeUInt32BE(TABLES, 36);
  bytes.writeBigUInt64BE(BigInt(l1Offset), 40);
  bytes.writeBigUInt64BE(BigInt(l1Offset + CLUSTER), 48);
  bytes.writeUInt32BE(1, 56);
  bytes.writeUInt32BE(4, 96);
  bytes.writeUInt32BE(104, 100);
  return bytes;
}
