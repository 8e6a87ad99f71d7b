import { createHash } from 'node:crypto';
import { ZEROS } from '../bytes/zeros.js';

/** Bytes of the disk in one leaf. */
export const LEAF = 64 * 1024;
/** Bytes of a value in the tree: a SHA-256, or zeros if everything below it is zero. */
export const VALUE = 32;
/** Values in a node above the leaves. */
const FANOUT = 256;
const NAME = 'vhdup-tree-1';

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
 * Computes the tree digest of a disk (`docs/DIGEST.md`) from the values of its leaves in ascending order. Leaves that
 * are left out are zero, and cost nothing.
 */
export class TreeHasher {
  readonly #size: number;
  readonly #levels: Level[];
  #next = 0;

  /** `size`: the virtual size in bytes. */
  constructor(size: number) {
    this.#size = size;
    this.#levels = Array.from({ length: heightOf(size) }, () => ({
      node: 0,
      values: new Uint8Array(FANOUT * VALUE),
      isZero: true,
    }));
  }

  /**
   * Adds the values of leaves from `index` on. Throws `RangeError` if a leaf comes twice, after a later one, or beyond
   * the disk.
   */
  add(index: number, values: Uint8Array): void {
    if (index < this.#next) throw new RangeError(`leaf ${index} comes after leaf ${this.#next - 1}`);
    this.#next = index + values.length / VALUE;
    for (let at = 0; at < values.length; at += VALUE) this.#set(0, index + at / VALUE, values.subarray(at, at + VALUE));
  }

  /** Returns the digest, 32 bytes. Nothing may be added afterwards. */
  digest(): Buffer {
    for (let level = 0; level < this.#levels.length - 1; level++) this.#close(level);
    const top = this.#levels.at(-1);
    const size = Buffer.alloc(8);
    size.writeBigUInt64BE(BigInt(this.#size));
    return sha256(Buffer.concat([Buffer.from(NAME, 'ascii'), size, top ? nodeValue(top) : Buffer.alloc(VALUE)]));
  }

  #set(level: number, index: number, value: Uint8Array): void {
    const current = this.#levels[level];
    if (!current) throw new RangeError(`leaf ${index} is beyond the disk`);
    if (isZeroValue(value)) return;
    const node = Math.floor(index / FANOUT);
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

/** Returns the number of levels above the leaves, at least one. */
function heightOf(size: number): number {
  let height = 1;
  for (let reach = LEAF * FANOUT; reach < size; reach *= FANOUT) height++;
  return height;
}

function nodeValue({ values, isZero }: Level): Uint8Array {
  return isZero ? new Uint8Array(VALUE) : sha256(values);
}

function isZeroValue(value: Uint8Array): boolean {
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength).compare(ZEROS, 0, value.length) === 0;
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}
