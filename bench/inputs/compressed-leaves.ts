import { closeSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { deflateRawSync } from 'node:zlib';
import { noise, Random } from './random.js';

const CLUSTER_BITS = 16;
const CLUSTER = 2 ** CLUSTER_BITS;
const ENTRIES = CLUSTER / 8;
const SECTOR = 512;
const COPIED = 2n ** 63n;
const COMPRESSED = 2n ** 62n;
/** Where a compressed cluster keeps the number of its further sectors. */
const SECTORS_SHIFT = BigInt(62 - (CLUSTER_BITS - 8));

/** A full disk that takes little room: see `compressedLeaves`. */
export interface CompressedLeaves {
  readonly path: string;
  /** Virtual size in bytes, a multiple of 512 MiB. */
  readonly size: number;
  /** One leaf in so many is another one than in the version with 0 here. */
  readonly changedEvery: number;
}

/**
 * Writes a QCOW2 image of a disk that is full: each leaf repeats 512 bytes of its own (but for a byte or so). No sector is
 * zero, and no leaf is there twice. Compressed, 30 GiB are 400 MiB.
 */
export function compressedLeaves({ path, size, changedEvery }: CompressedLeaves): string {
  const tables = size / CLUSTER / ENTRIES;
  const l2Offset = 3 * CLUSTER;
  const tail = repetition();
  const stride = 5 + SECTOR + tail.length;
  let next = l2Offset + tables * CLUSTER;
  const file = openSync(path, 'w');
  writeSync(file, header(size, tables));
  const l1 = Buffer.alloc(tables * 8);
  const random = new Random(6);
  for (let table = 0; table < tables; table++) {
    const l2 = Buffer.alloc(CLUSTER);
    const clusters = Buffer.alloc(ENTRIES * stride);
    for (let index = 0; index < ENTRIES; index++) {
      const at = next + index * stride;
      const leaf = table * ENTRIES + index;
      const further = Math.floor((at + stride - 1) / SECTOR) - Math.floor(at / SECTOR);
      l2.writeBigUInt64BE(COMPRESSED + (BigInt(further) << SECTORS_SHIFT) + BigInt(at), index * 8);
      const sector = Buffer.from(noise(random, SECTOR));
      sector.writeUInt32BE(leaf, 0);
      sector.writeUInt32BE(changedEvery > 0 && leaf % changedEvery === 0 ? 1 : 0, 4);
      clusters.set(stored(sector), index * stride);
      clusters.set(tail, index * stride + 5 + SECTOR);
    }
    l1.writeBigUInt64BE(COPIED + BigInt(l2Offset + table * CLUSTER), table * 8);
    writeSync(file, l2, 0, l2.length, l2Offset + table * CLUSTER);
    writeSync(file, clusters, 0, clusters.length, next);
    next += clusters.length;
  }
  writeSync(file, l1, 0, l1.length, CLUSTER);
  // A reader may ask for the whole of the last sector.
  writeSync(file, Buffer.alloc(SECTOR), 0, SECTOR, next);
  closeSync(file);
  return path;
}

/** Two versions of such a disk: one leaf in 10,000 changes. */
export function fullDisks(folder: string, size: number): readonly [before: string, after: string] {
  return [
    compressedLeaves({ path: join(folder, 'full-v1.qcow2'), size, changedEvery: 0 }),
    compressedLeaves({ path: join(folder, 'full-v2.qcow2'), size, changedEvery: 10_000 }),
  ];
}

/** A deflate block that is not compressed, and not the last one. */
function stored(sector: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt16LE(sector.length, 1);
  head.writeUInt16LE(sector.length ^ 0xffff, 3);
  return Buffer.concat([head, sector]);
}

/** The rest of a cluster for deflate: copies of the sector before. It does not depend on what that sector is. */
function repetition(): Buffer {
  const sector = Buffer.from(noise(new Random(7), SECTOR));
  const rest = Buffer.concat(Array.from({ length: CLUSTER / SECTOR - 1 }, () => sector));
  return deflateRawSync(rest, { dictionary: sector, level: 9 });
}

/** Version 3, zlib. The refcount table, behind the L1 table, is empty: it matters to those that write to the image only. */
function header(size: number, tables: number): Buffer {
  const bytes = Buffer.alloc(112);
  bytes.write('QFI\xfb', 0, 'latin1');
  bytes.writeUInt32BE(3, 4);
  bytes.writeUInt32BE(CLUSTER_BITS, 20);
  bytes.writeBigUInt64BE(BigInt(size), 24);
  bytes.writeUInt32BE(tables, 36);
  bytes.writeBigUInt64BE(BigInt(CLUSTER), 40);
  bytes.writeBigUInt64BE(BigInt(2 * CLUSTER), 48);
  bytes.writeUInt32BE(1, 56);
  bytes.writeUInt32BE(4, 96);
  bytes.writeUInt32BE(104, 100);
  return bytes;
}
