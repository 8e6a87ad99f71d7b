import { deflateSync, inflateSync } from 'node:zlib';
import { LEAF, SECTION_LEAVES, VALUE, isZeroValue, sectionHasher, type LeafRun } from './tree.js';

/** The length of a run's header: the first leaf within the section, and the number of leaves (4 bytes each, big endian). */
const RUN_HEADER = 8;
/** The longest content: every second leaf is zero, so each of the others is a run. */
export const MAX_SECTION_BYTES = SECTION_LEAVES * VALUE + (SECTION_LEAVES / 2) * RUN_HEADER;

/** The leaves of one section of a disk (docs/LEAVES.md). Leaves that are left out are zero. */
export interface LeafSection {
  /** Index of the section. */
  readonly index: number;
  /** In ascending order; indices count from the beginning of the disk. */
  readonly runs: readonly LeafRun[];
}

/** A section as a list stores it. */
export interface StoredSection {
  /** The value of its node in the tree. */
  readonly value: Uint8Array;
  /** As it is stored: compressed if that is shorter. Empty if all leaves are zero. */
  readonly bytes: Uint8Array;
  /** Bytes before the compression. Equal to the length of `bytes` if it is not compressed. */
  readonly plainLength: number;
}

/** Cuts runs of leaves at the borders of sections, and yields all sections that have any. The runs come in ascending order. */
export async function* sectionsOf(runs: AsyncIterable<LeafRun>): AsyncGenerator<LeafSection> {
  let section: { index: number; runs: LeafRun[] } | undefined;
  for await (const { index: first, values } of runs) {
    for (let done = 0, count = values.length / VALUE; done < count;) {
      const leaf = first + done;
      const index = Math.floor(leaf / SECTION_LEAVES);
      const part = Math.min(count - done, (index + 1) * SECTION_LEAVES - leaf);
      if (section?.index !== index) {
        if (section) yield section;
        section = { index, runs: [] };
      }
      section.runs.push({ index: leaf, values: values.subarray(done * VALUE, (done + part) * VALUE) });
      done += part;
    }
  }
  if (section) yield section;
}

/** A section to be stored. */
export interface EncodedSection extends StoredSection {
  /** The number of leaves that are not zero. */
  readonly leaves: number;
}

/** Returns a section of a disk of `size` bytes as a list stores it. */
export function encodeSection({ index, runs }: LeafSection, size: number): EncodedSection {
  const start = index * SECTION_LEAVES;
  const hasher = sectionHasher(size);
  const pieces: Uint8Array[] = [];
  let leaves = 0;
  for (const run of runs.flatMap(withoutZeros)) {
    hasher.add(run.index - start, run.values);
    const head = Buffer.alloc(RUN_HEADER);
    head.writeUInt32BE(run.index - start, 0);
    head.writeUInt32BE(run.values.length / VALUE, 4);
    pieces.push(head, run.values);
    leaves += run.values.length / VALUE;
  }
  const plain = Buffer.concat(pieces);
  const deflated = plain.length === 0 ? plain : deflateSync(plain);
  return {
    value: hasher.value(),
    bytes: deflated.length < plain.length ? deflated : plain,
    plainLength: plain.length,
    leaves,
  };
}

/**
 * Returns the leaves of section `index` of a disk of `size` bytes. Throws `RangeError` if they are damaged, or are not those of the
 * stored value.
 */
export function decodeSection(index: number, { value, bytes, plainLength }: StoredSection, size: number): LeafSection {
  if (plainLength > MAX_SECTION_BYTES || bytes.length > plainLength) throw new RangeError('a section is too long');
  const plain =
    bytes.length === plainLength ? bytes : inflateSync(bytes, { maxOutputLength: Math.max(1, plainLength) });
  if (plain.length !== plainLength) throw new RangeError('a section has another length');
  const view = Buffer.from(plain.buffer, plain.byteOffset, plain.length);
  const start = index * SECTION_LEAVES;
  const end = Math.min(SECTION_LEAVES, Math.ceil(size / LEAF) - start);
  const hasher = sectionHasher(size);
  const runs: LeafRun[] = [];
  for (let at = 0; at < view.length;) {
    if (at + RUN_HEADER > view.length) throw new RangeError('a section is cut short');
    const [first, count] = [view.readUInt32BE(at), view.readUInt32BE(at + 4)];
    at += RUN_HEADER;
    if (count === 0 || first + count > end || at + count * VALUE > view.length)
      throw new RangeError(`a run of ${count} leaves from ${first} on is not within its section`);
    const values = view.subarray(at, at + count * VALUE);
    hasher.add(first, values);
    runs.push({ index: start + first, values });
    at += count * VALUE;
  }
  if (Buffer.compare(hasher.value(), value) !== 0)
    throw new RangeError('the leaves of a section are not those of the tree');
  return { index, runs };
}

/** Cuts a run where leaves are zero. */
function withoutZeros({ index, values }: LeafRun): LeafRun[] {
  const runs: LeafRun[] = [];
  let from = 0;
  for (let at = 0; at <= values.length; at += VALUE) {
    if (at < values.length && !isZeroValue(values.subarray(at, at + VALUE))) continue;
    if (at > from) runs.push({ index: index + from / VALUE, values: values.subarray(from, at) });
    from = at + VALUE;
  }
  return runs;
}
