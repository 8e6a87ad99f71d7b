import t from 'tap';
import { makeVhdx, sealChecksum } from '../../../fixtures/vhdx.js';
import type { Files } from '../../../src/disk/file.js';
import { openChain } from '../../../src/disk/chain.js';
import { MemoryBudget } from '../../../src/disk/memory-budget.js';

const MIB = 2 ** 20;
const TIB = 2 ** 40;
const PATH = '/vms/large.vhdx';
const BLOCKS = (64 * TIB) / MIB;
const CHUNK_BLOCKS = 4096;
/** The entries with those of the sector bitmaps between them. */
const ENTRIES = BLOCKS + BLOCKS / CHUNK_BLOCKS - 1;
const BAT_LENGTH = Math.ceil((ENTRIES * 8) / MIB) * MIB;
/** Where the BAT of the large disk begins, and the payload. */
const BAT = 3 * MIB;
const PAYLOAD = BAT + BAT_LENGTH;
const MAX_BUFFERS = 64 * MIB;
/** Less than the words of the blocks that the file holds. */
const BUDGET = 4 * MIB;
/** The file holds the first blocks, and the last ones. */
const HELD_FIRST = (2 * TIB) / MIB;
const HELD_LAST = TIB / MIB;

/** A dynamic disk of 64 TiB in blocks of 1 MiB, of which it holds some: nothing of it is kept in memory. */
function largeFiles(): { files: Files; reads: { count: number; largest: number } } {
  const { file, places } = makeVhdx({
    path: PATH,
    type: 'dynamic',
    size: MIB,
    operations: [],
    regionOrder: ['log', 'metadata', 'bat'],
  });
  const head = file.read(0, BAT);
  head.writeBigUInt64LE(BigInt(64 * TIB), places.items.get('virtualDiskSize')?.data ?? 0);
  for (const at of [192 * 1024, 256 * 1024]) {
    head.writeUInt32LE(BAT_LENGTH, at + 16 + 24);
    sealChecksum(head.subarray(at, at + 65536));
  }
  const reads = { count: 0, largest: 0 };
  const fileSize = PAYLOAD + 64 * TIB;
  const fill = (position: number, into: Uint8Array): void => {
    if (position < BAT) {
      into.set(head.subarray(position, position + into.length));
    } else if (position < PAYLOAD) {
      const view = new DataView(into.buffer, into.byteOffset, into.byteLength);
      for (let at = 0; at < into.length; at += 8) {
        const entry = (position - BAT + at) / 8;
        const isEmpty =
          entry % (CHUNK_BLOCKS + 1) === CHUNK_BLOCKS || (entry >= HELD_FIRST && entry < ENTRIES - HELD_LAST);
        if (isEmpty) {
          view.setUint32(at, 0);
          view.setUint32(at + 4, 0);
          continue;
        }
        const offset = PAYLOAD / MIB + entry - Math.floor(entry / (CHUNK_BLOCKS + 1));
        view.setUint32(at, ((offset & 0xfff) << 20) | 6, true);
        view.setUint32(at + 4, Math.floor(offset / 4096), true);
      }
    } else {
      into.fill(Math.floor((position - PAYLOAD) / MIB) % 251);
    }
  };
  const open: Files['open'] = (path) =>
    Promise.resolve({
      path,
      size: fileSize,
      identity: path,
      read: (position, into) => {
        reads.count++;
        reads.largest = Math.max(reads.largest, into.length);
        fill(position, into);
        return Promise.resolve();
      },
      statPath: () => Promise.resolve({ identity: path, size: fileSize, mtimeNs: 0n, ctimeNs: 0n }),
      close: () => Promise.resolve(),
    });
  return { files: { open, realPath: (path) => Promise.resolve(path) }, reads };
}

t.test(
  'a disk of 64 TiB in blocks of 1 MiB is opened with bounded memory, and its BAT is read in pieces',
  async (t) => {
    const { files, reads } = largeFiles();
    const before = process.memoryUsage().arrayBuffers;
    await using disk = await openChain(PATH, files, {}, new MemoryBudget(BUDGET));
    t.equal(disk.size, 64 * TIB);
    t.match(disk.layers, [{ blockSize: MIB }]);
    t.ok(reads.largest <= MIB, `the largest read has ${reads.largest} bytes`);
    t.ok(reads.count < 2000, `${reads.count} reads`);
    t.ok(process.memoryUsage().arrayBuffers - before < MAX_BUFFERS, 'memory is bounded');
    reads.count = 0;
    for (const block of [0, 1, CHUNK_BLOCKS, CHUNK_BLOCKS * 7 + 1, HELD_FIRST - CHUNK_BLOCKS, BLOCKS - 1]) {
      const piece = Buffer.alloc(1024);
      await disk.read(block * MIB + 512, piece);
      t.ok(piece.equals(Buffer.alloc(1024, block % 251)), `block ${block}`);
    }
    t.ok(reads.count < 6 * 40, `${reads.count} reads for six pieces`);
  },
);
