import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { promisify } from 'node:util';
import type { Extent, Input } from './inputs/input.js';

/** Counts what a push over another image of a disk has to send. Shares no code with the tool, and uses another hash. */

export const LEAF = 64 * 1024;
const SECTOR = 512;
const DIGEST = 32;
const PIECE = 64 * LEAF;
const ZEROS = Buffer.alloc(LEAF);
const run = promisify(execFile);

/** Each leaf of a disk is one of these; in bytes of the leaves. */
export interface LeafTotals {
  /** As in the base, at the same place. */
  readonly equal: number;
  /** Changed, and somewhere in the base. */
  readonly moved: number;
  /** Changed, and nowhere in the base. */
  readonly changed: number;
  /** Zero, and not so in the base. */
  readonly zero: number;
}

/** How one disk differs from another one. */
export interface Difference {
  readonly leaves: LeafTotals;
  /** Bytes in non-zero sectors of the leaves that are `changed`, and of those that are `moved` or `changed`. */
  readonly sectors: { readonly changed: number; readonly movedOrChanged: number };
}

/** What the leaves of a disk are. */
interface Leaves {
  /** One after the other; of a zero leaf it is zero. */
  readonly digests: Buffer;
  /** How many sectors of each leaf are not zero. */
  readonly sectors: Uint8Array;
}

const known = new Map<string, Promise<Leaves>>();

/** Compares two disks leaf by leaf. */
export async function differenceOf(base: Input, disk: Input): Promise<Difference> {
  const [before, after] = [await leavesOf(base), await leavesOf(disk)];
  const count = after.sectors.length;
  const digestOf = ({ digests }: Leaves, index: number) => digests.toString('latin1', index * DIGEST, ++index * DIGEST);
  const inBase = new Set(Array.from(before.sectors, (_, index) => digestOf(before, index)));
  const leaves = { equal: 0, moved: 0, changed: 0, zero: 0 };
  const sectors = { changed: 0, movedOrChanged: 0 };
  for (let index = 0; index < count; index++) {
    const length = Math.min(LEAF, disk.size - index * LEAF);
    const digest = digestOf(after, index);
    const bytes = (after.sectors[index] ?? 0) * SECTOR;
    if (digest === digestOf(before, index)) leaves.equal += length;
    else if (bytes === 0) leaves.zero += length;
    else {
      const isMoved = inBase.has(digest);
      leaves[isMoved ? 'moved' : 'changed'] += length;
      sectors.movedOrChanged += bytes;
      if (!isMoved) sectors.changed += bytes;
    }
  }
  return { leaves, sectors };
}

function leavesOf(input: Input): Promise<Leaves> {
  const found = known.get(input.flat) ?? scan(input);
  known.set(input.flat, found);
  return found;
}

async function scan({ flat, size }: Input): Promise<Leaves> {
  const count = Math.ceil(size / LEAF);
  const leaves: Leaves = { digests: Buffer.alloc(count * DIGEST), sectors: new Uint8Array(count) };
  const file = await open(flat);
  const buffer = Buffer.allocUnsafe(PIECE);
  for (const [offset, length] of await allocatedIn(flat, 'raw')) {
    // From the beginning of a leaf to the end of one: what is not allocated is zero.
    for (let at = Math.floor(offset / LEAF) * LEAF; at < offset + length; at += PIECE) {
      const wanted = Math.min(PIECE, Math.ceil((offset + length - at) / LEAF) * LEAF, size - at);
      const piece = buffer.subarray(0, wanted);
      await file.read(piece, 0, wanted, at);
      for (let from = 0; from < wanted; from += LEAF)
        add(leaves, (at + from) / LEAF, piece.subarray(from, from + LEAF));
    }
  }
  await file.close();
  return leaves;
}

function add({ digests, sectors }: Leaves, index: number, leaf: Buffer): void {
  if (leaf.equals(ZEROS.subarray(0, leaf.length))) return;
  let count = 0;
  for (let at = 0; at < leaf.length; at += SECTOR) if (ZEROS.compare(leaf, at, at + SECTOR, 0, SECTOR) !== 0) count++;
  sectors[index] = count;
  digests.set(createHash('blake2b512').update(leaf).digest().subarray(0, DIGEST), index * DIGEST);
}

/** Returns what is allocated in an image, in order, in ranges of the disk, as `qemu-img` sees it. */
export async function allocatedIn(path: string, format: string): Promise<Extent[]> {
  const { stdout } = await run('qemu-img', ['map', '--output=json', '-f', format, path], { maxBuffer: 2 ** 28 });
  return (JSON.parse(stdout) as { start: number; length: number; data: boolean; zero: boolean }[])
    .filter(({ data, zero }) => data && !zero)
    .map(({ start, length }) => [start, length] as const);
}
