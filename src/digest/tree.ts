import { createHash } from 'node:crypto';
import { ZEROS } from '../bytes/zeros.js';

/** Bytes of the disk in one leaf. */
export const LEAF = 64 * 1024;
/** Bytes of a value in the tree: a SHA-256, or zeros if everything below it is zero. */
export const VALUE = 32;
/** Values in a node above the leaves. */
const FANOUT = 256;
/** The level of the nodes that are sections of a list of leaves (docs/LEAVES.md). */
const SECTION_LEVEL = 2;
/** Leaves in a section. */
export const SECTION_LEAVES = FANOUT ** SECTION_LEVEL;
const NAME = 'vhdup-tree-1';

/** The values of consecutive leaves, the first of them at `index`. */
export interface LeafRun {
  readonly index: number;
  readonly values: Uint8Array;
}

/**
 * Returns the values of consecutive leaves, one after the other. `bytes` must begin at the start of a leaf. The last
 * leaf may be cut short by the end of the disk: it is then filled up with zeros.
 */
export function leafValues(bytes: Uint8Array): Uint8Array {
  const values = new Uint8Array(Math.ceil(bytes.length / LEAF) * VALUE);
  for (let offset = 0, at = 0; offset < bytes.length; offset += LEAF, at += VALUE) {
    let leaf = Buffer.from(bytes.buffer, bytes.byteOffset + offset, Math.min(LEAF, bytes.length - offset));
    if (leaf.compare(ZEROS, 0, leaf.length) === 0) continue;
    if (leaf.length < LEAF) leaf = Buffer.concat([leaf], LEAF);
    values.set(sha256(leaf), at);
  }
  return values;
}

interface Level {
  /** Index of the node that is being filled. */
  node: number;
  readonly values: Uint8Array;
  isZero: boolean;
}

/**
 * Computes the value of one node from values that lie `height` levels below it, in ascending order. Values that are left out are
 * zero, and cost nothing.
 */
export class NodeHasher {
  readonly #levels: Level[];
  #next = 0;

  constructor(height: number) {
    this.#levels = Array.from({ length: height }, () => ({
      node: 0,
      values: new Uint8Array(FANOUT * VALUE),
      isZero: true,
    }));
  }

  /**
   * Adds consecutive values from `index` on. Throws `RangeError` if one comes twice, after a later one, or beyond the node.
   */
  add(index: number, values: Uint8Array): void {
    if (index < this.#next) throw new RangeError(`leaf ${index} comes after leaf ${this.#next - 1}`);
    this.#next = index + values.length / VALUE;
    for (let at = 0; at < values.length; at += VALUE) this.#set(0, index + at / VALUE, values.subarray(at, at + VALUE));
  }

  /** Returns the value of the node, 32 bytes. Nothing may be added afterwards. */
  value(): Uint8Array {
    for (let level = 0; level < this.#levels.length - 1; level++) this.#close(level);
    const top = this.#levels.at(-1);
    return top ? nodeValue(top) : new Uint8Array(VALUE);
  }

  #set(level: number, index: number, value: Uint8Array): void {
    const current = this.#levels[level];
    if (!current) throw new RangeError(`leaf ${index} is beyond the disk`);
    if (isZeroValue(value)) return;
    const node = Math.floor(index / FANOUT);
    if (level === this.#levels.length - 1 && node > 0) throw new RangeError(`leaf ${index} is beyond the disk`);
    if (node !== current.node) {
      this.#close(level);
      current.node = node;
    }
    current.values.set(value, (index % FANOUT) * VALUE);
    current.isZero = false;
  }

  /** Adds the value of a complete node to the level above. */
  #close(level: number): void {
    const current = this.#levels[level];
    if (!current || current.isZero) return;
    this.#set(level + 1, current.node, nodeValue(current));
    current.values.fill(0);
    current.isZero = true;
  }
}

/**
 * Computes the tree digest of a disk (`docs/DIGEST.md`) from the values of its leaves in ascending order. Leaves that
 * are left out are zero, and cost nothing.
 */
export class TreeHasher {
  readonly #size: number;
  readonly #top: NodeHasher;

  /** `size`: the virtual size in bytes. */
  constructor(size: number) {
    this.#size = size;
    this.#top = new NodeHasher(heightOf(size));
  }

  /**
   * Adds the values of leaves from `index` on. Throws `RangeError` if a leaf comes twice, after a later one, or beyond
   * the disk.
   */
  add(index: number, values: Uint8Array): void {
    this.#top.add(index, values);
  }

  /** Returns the digest, 32 bytes. Nothing may be added afterwards. */
  digest(): Buffer {
    return digestOf(this.#size, this.#top.value());
  }
}

/** Returns the number of sections of a disk of `size` bytes: each is a node of level 2, or the top if there is no level 2. */
export function sectionCount(size: number): number {
  return Math.max(1, Math.ceil(size / (LEAF * SECTION_LEAVES)));
}

/** Returns what computes the value of a section of a disk of `size` bytes. Its leaves count from the beginning of the section. */
export function sectionHasher(size: number): NodeHasher {
  return new NodeHasher(Math.min(SECTION_LEVEL, heightOf(size)));
}

/** Returns the tree digest of a disk of `size` bytes, computed from the values of all its sections. */
export function digestOfSections(size: number, values: Uint8Array): Buffer {
  const height = heightOf(size);
  if (height <= SECTION_LEVEL) return digestOf(size, values);
  const top = new NodeHasher(height - SECTION_LEVEL);
  top.add(0, values);
  return digestOf(size, top.value());
}

function digestOf(size: number, top: Uint8Array): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(size));
  return sha256(Buffer.concat([Buffer.from(NAME, 'ascii'), bytes, top]));
}

/** Returns the number of levels above the leaves, at least one. */
function heightOf(size: number): number {
  let height = 1;
  for (let reach = LEAF * FANOUT; reach < size; reach *= FANOUT) height++;
  return height;
}

function nodeValue({ values, isZero }: Level): Uint8Array {
  return isZero ? new Uint8Array(VALUE) : sha256(values);
}

/** Returns true for the value of zeros. */
export function isZeroValue(value: Uint8Array): boolean {
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength).compare(ZEROS, 0, value.length) === 0;
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}
