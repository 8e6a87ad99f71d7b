import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import t from 'tap';
import { LEAF, TreeHasher, VALUE, leafValues } from '../../src/digest/tree.js';

const seed = Date.now();
t.comment(`seed ${seed}`);

/** `docs/DIGEST.md` word for word, from the top down, without any short cut but that for zeros. */
function naive(content: Map<number, Buffer>, size: number): string {
  const sha = (bytes: Buffer) => createHash('sha256').update(bytes).digest();
  const value = (level: number, index: number): Buffer => {
    const reach = 256 ** level;
    if (![...content.keys()].some((leaf) => leaf >= index * reach && leaf < (index + 1) * reach))
      return Buffer.alloc(32);
    if (level === 0) {
      const leaf = Buffer.concat([content.get(index) ?? Buffer.alloc(0)], 65_536);
      return leaf.every((byte) => byte === 0) ? Buffer.alloc(32) : sha(leaf);
    }
    const values = Buffer.concat(Array.from({ length: 256 }, (_, child) => value(level - 1, index * 256 + child)));
    return values.every((byte) => byte === 0) ? values.subarray(0, 32) : sha(values);
  };
  let height = 1;
  while (65_536 * 256 ** height < size) height++;
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(size));
  return sha(Buffer.concat([Buffer.from('vhdup-tree-1'), bytes, value(height, 0)])).toString('hex');
}

function digestOf(content: ReadonlyMap<number, Buffer>, size: number): string {
  const tree = new TreeHasher(size);
  for (const [index, bytes] of [...content].sort(([a], [b]) => a - b)) tree.add(index, leafValues(bytes));
  return tree.digest().toString('hex');
}

const MIB = 1024 ** 2;
const ABC = Buffer.from('abc');

t.test('the digests in docs/DIGEST.md are those of what stands beside them', async (t) => {
  const text = await readFile(new URL('../../docs/DIGEST.md', import.meta.url), 'utf8');
  const told = [...text.matchAll(/`([0-9a-f]{64})`/g)].map(([, digest]) => digest);
  const huge = 2040 * 1024 ** 3;
  t.strictSame(told, [
    digestOf(new Map(), MIB),
    digestOf(new Map(Array.from({ length: 16 }, (_, index) => [index, Buffer.alloc(LEAF, 1)])), MIB),
    digestOf(new Map([[1, Buffer.alloc(512, 0xff)]]), LEAF + 512),
    digestOf(
      new Map([
        [0, Buffer.concat([ABC], LEAF)],
        [huge / LEAF - 1, Buffer.concat([Buffer.alloc(LEAF - 512), ABC], LEAF)],
      ]),
      huge,
    ),
  ]);
});

t.test('any sparse disk has the digest that the definition gives it', (t) => {
  const disks = fc.record({
    leaves: fc.integer({ min: 1, max: 70_000_000 }),
    cut: fc.nat(127),
    places: fc.array(
      fc.record({ at: fc.double({ min: 0, max: 0.9999999, noNaN: true }), byte: fc.nat(3), near: fc.nat(300) }),
      { maxLength: 12 },
    ),
  });
  fc.assert(
    fc.property(disks, ({ leaves, cut, places }) => {
      const size = leaves * LEAF - cut * 512;
      const content = new Map<number, Buffer>();
      for (const { at, byte, near } of places) {
        const index = Math.min(leaves - 1, Math.floor(at * leaves) + near);
        content.set(index, Buffer.alloc(Math.min(LEAF, size - index * LEAF), byte));
      }
      t.equal(digestOf(content, size), naive(content, size));
    }),
    { seed, numRuns: 60 },
  );
  t.end();
});

t.test('one changed bit, or another size, gives another digest', (t) => {
  const content = Buffer.alloc(3 * LEAF, 7);
  const digest = (bytes: Buffer, size: number) => {
    const tree = new TreeHasher(size);
    tree.add(0, leafValues(bytes));
    return tree.digest().toString('hex');
  };
  const seen = new Set([digest(content, 3 * LEAF), digest(content, 3 * LEAF + 512)]);
  for (const at of [0, LEAF - 1, LEAF, 3 * LEAF - 1]) {
    const other = Buffer.from(content);
    other.writeUInt8(6, at);
    seen.add(digest(other, 3 * LEAF));
  }
  t.equal(seen.size, 6);
  t.end();
});

t.test('leaves come in ascending order, each once, within the disk', (t) => {
  const tree = new TreeHasher(4 * LEAF);
  const value = Buffer.alloc(VALUE, 1);
  tree.add(2, value);
  t.throws(() => {
    tree.add(2, value);
  }, RangeError);
  t.throws(() => {
    tree.add(1, value);
  }, RangeError);
  t.throws(() => {
    tree.add(256, value);
    tree.digest();
  }, RangeError);
  t.end();
});
