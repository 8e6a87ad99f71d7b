import t from 'tap';
import { encodeHeader, headerLength, parseHeader, type SectionEntry } from '../../src/digest/leaf-list.js';
import { decodeSection, encodeSection, sectionsOf } from '../../src/digest/leaf-section.js';
import { SketchBuilder } from '../../src/digest/leaf-sketch.js';
import { LEAF, SECTION_LEAVES, TreeHasher, VALUE, sectionCount, type LeafRun } from '../../src/digest/tree.js';
import { readLeafList } from '../docs/leaf-list-reader.js';
import { leafRuns, fromRuns } from '../support/leaf-runs.js';

const TIB = 1024 ** 4;

/** A list as a push writes it. */
async function listOf(size: number, runs: readonly LeafRun[]): Promise<{ list: Buffer; tree: Buffer }> {
  const tree = new TreeHasher(size);
  const sketch = new SketchBuilder();
  for (const run of runs) {
    tree.add(run.index, run.values);
    sketch.add(run);
  }
  const none: SectionEntry = { value: new Uint8Array(VALUE), offset: 0, length: 0, plainLength: 0 };
  const sections = Array.from({ length: sectionCount(size) }, () => none);
  const bodies: Uint8Array[] = [];
  let offset = 0;
  for await (const section of sectionsOf(fromRuns(runs))) {
    const { value, bytes, plainLength } = encodeSection(section, size);
    sections[section.index] = { value, offset, length: bytes.length, plainLength };
    bodies.push(bytes);
    offset += bytes.length;
  }
  const digest = tree.digest();
  const disk = { size, tree: digest, name: 'v1.vhd', etag: undefined };
  const header = encodeHeader({ ...disk, sections, sketch: sketch.sketch() });
  return { list: Buffer.concat([header, ...bodies]), tree: digest };
}

/** All leaves of a list, as the tool reads them. */
function leavesOf(list: Buffer): Map<number, string> {
  const header = parseHeader(list.subarray(0, headerLength(list)), list.length);
  const leaves = new Map<number, string>();
  for (const [index, { value, offset, length, plainLength }] of header.sections.entries()) {
    const bytes = list.subarray(offset, offset + length);
    for (const run of decodeSection(index, { value, bytes, plainLength }, header.size).runs)
      for (let at = 0; at < run.values.length; at += VALUE)
        leaves.set(run.index + at / VALUE, Buffer.from(run.values.subarray(at, at + VALUE)).toString('hex'));
  }
  return leaves;
}

for (const [name, size, at] of [
  ['a sector', 512, [0]],
  ['16 MiB, no level 2', 256 * LEAF, [0, 1, 2, 255]],
  ['a leaf more than 16 MiB', 257 * LEAF, [0, 256]],
  ['a leaf more than a section', (SECTION_LEAVES + 1) * LEAF, [1, SECTION_LEAVES - 1, SECTION_LEAVES]],
  ['2 TiB, nearly empty', 2 * TIB, [7, 3 * SECTION_LEAVES + 5, 2 * 1024 * 16 * 1024 - 1]],
  ['only zeros', TIB, []],
] as const) {
  t.test(`a list of ${name}: what was written is read, by the tool and by another reader`, async (t) => {
    const runs = leafRuns(at);
    const { list, tree } = await listOf(size, runs);
    const read = readLeafList(list);
    t.equal(read.tree, tree.toString('hex'));
    t.equal(read.size, size);
    t.strictSame([...read.leaves.keys()], at);
    t.strictSame(
      leavesOf(list),
      new Map([...read.leaves].map(([index, value]) => [index, value.toString('hex')] as const)),
    );
  });
}

t.test('any byte that is changed, and any end that is cut off, is refused, or changes no leaf', async (t) => {
  const { list } = await listOf(400 * LEAF, leafRuns([0, 1, 2, 9, 256, 399]));
  const right = [...leavesOf(list)].join();
  let refused = 0;
  const isHarmless = (other: Buffer) => {
    try {
      return [...leavesOf(other)].join() === right;
    } catch (error) {
      refused++;
      return error instanceof RangeError || String((error as { code?: unknown }).code).startsWith('Z_');
    }
  };
  for (let at = 0; at < list.length; at++) {
    const other = Buffer.from(list);
    other.writeUInt8(other.readUInt8(at) ^ (1 << (at % 8)), at);
    if (!isHarmless(other)) t.fail(`byte ${at} of ${list.length}`);
    if (at > 24 && !isHarmless(list.subarray(0, at))) t.fail(`cut to ${at}`);
  }
  t.ok(refused > list.length, `${refused} refusals`);
});

t.test('values of sections that do not give the digest are refused', async (t) => {
  const { list } = await listOf(2 * SECTION_LEAVES * LEAF, leafRuns([0, SECTION_LEAVES]));
  const header = parseHeader(list, list.length);
  const [first, second] = header.sections;
  const swapped = encodeHeader({ ...header, sections: [second, first].filter((entry) => entry !== undefined) });
  // The offsets count from the end of a header: a longer list keeps them within it.
  t.throws(() => parseHeader(swapped, 2 * list.length), /do not give its tree digest/);
});

t.test('a section that says it inflates to more than a section has is refused before it is inflated', (t) => {
  const section = { value: new Uint8Array(VALUE), bytes: new Uint8Array(8), plainLength: 0x7fffffff };
  t.throws(() => decodeSection(0, section, LEAF), /too long/);
  t.end();
});
