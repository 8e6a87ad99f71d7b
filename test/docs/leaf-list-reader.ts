/** Reads a list of leaves by what docs/LEAVES.md and docs/DIGEST.md say, without any code of the tool. */
import { createHash } from 'node:crypto';
import { inflateSync } from 'node:zlib';

const LEAF = 65_536;
const sha = (...parts: readonly Uint8Array[]) => createHash('sha256').update(Buffer.concat(parts)).digest();
const isZero = (value: Uint8Array) => value.every((byte) => byte === 0);

/** The value of the node `levels` above these values; those that are left out are zero. */
function nodeOf(values: ReadonlyMap<number, Buffer>, levels: number): Buffer {
  let level = values;
  for (let n = 0; n < levels; n++) {
    const nodes = new Map<number, Buffer>();
    for (const [index, value] of level) {
      const node = nodes.get(index >> 8) ?? Buffer.alloc(8192);
      value.copy(node, (index & 255) * 32);
      nodes.set(index >> 8, node);
    }
    level = new Map([...nodes].map(([index, node]) => [index, isZero(node) ? Buffer.alloc(32) : sha(node)]));
  }
  return level.get(0) ?? Buffer.alloc(32);
}

/** The leaves by their index, and what the header says. Throws if anything does not fit. */
export function readLeafList(list: Buffer): { leaves: Map<number, Buffer>; size: number; tree: string; blob: string } {
  if (list.toString('latin1', 0, 16) !== 'vhdup-leaves-1\n\0') throw new Error('no list of leaves');
  const [headerEnd, jsonLength] = [list.readUInt32BE(16), list.readUInt32BE(20)];
  if (!sha(list.subarray(0, headerEnd - 32)).equals(list.subarray(headerEnd - 32, headerEnd)))
    throw new Error('header');
  const header = JSON.parse(list.toString('utf8', 24, 24 + jsonLength)) as { size: number; tree: string; blob: string };
  const { size, tree, blob } = header;
  let height = 1;
  while (LEAF * 256 ** height < size) height++;
  const leaves = new Map<number, Buffer>();
  const nodes = new Map<number, Buffer>();
  for (let section = 0; section * LEAF * LEAF < size; section++) {
    const entry = list.subarray(24 + jsonLength + 48 * section);
    const start = headerEnd + Number(entry.readBigUInt64BE(32));
    const stored = list.subarray(start, start + entry.readUInt32BE(40));
    const bytes = stored.length === entry.readUInt32BE(44) ? stored : inflateSync(stored);
    const own = new Map<number, Buffer>();
    for (let at = 0; at < bytes.length;) {
      const [first, count] = [bytes.readUInt32BE(at), bytes.readUInt32BE(at + 4)];
      for (let leaf = 0; leaf < count; leaf++)
        own.set(first + leaf, bytes.subarray(at + 8 + 32 * leaf).subarray(0, 32));
      at += 8 + 32 * count;
    }
    if (!nodeOf(own, Math.min(2, height)).equals(entry.subarray(0, 32))) throw new Error(`section ${section}`);
    nodes.set(section, entry.subarray(0, 32));
    for (const [index, value] of own) leaves.set(section * LEAF + index, value);
  }
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(size));
  const digest = sha(Buffer.from('vhdup-tree-1'), bytes, nodeOf(nodes, Math.max(0, height - 2))).toString('hex');
  if (digest !== tree) throw new Error(`the digest is ${digest}`);
  return { leaves, size, tree, blob };
}
