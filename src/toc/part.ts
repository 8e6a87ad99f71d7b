import { MAX_BLOCK, placeProblem, type Part } from './entry.js';
import type { FieldReader } from './field-reader.js';

/** Bytes of a part. */
export const PART_BYTES = 24;
const ZEROS = 1;
const OWN = 2;

/** Returns a part as bytes (docs/VAULT.md, "Part"). */
export function encodePart(part: Part, indexOf: (chunk: string) => number): Buffer {
  const bytes = Buffer.alloc(PART_BYTES);
  bytes.writeUInt32LE(part.length, 0);
  if (part.kind === 'zeros') {
    bytes.writeUInt16LE(ZEROS, 6);
    return bytes;
  }
  bytes.writeUInt16LE(indexOf(part.place.chunk), 4);
  bytes.writeUInt16LE(part.isOwn ? OWN : 0, 6);
  bytes.writeUInt32LE(part.place.at, 8);
  bytes.writeUInt32LE(part.place.size, 12);
  bytes.writeUInt32LE(part.skip, 16);
  return bytes;
}

/** Reads a part. */
export function parsePart(reader: FieldReader, chunks: readonly string[]): Part {
  const offset = reader.offset;
  const length = reader.u32('length');
  const chunk = reader.u16('chunk');
  const flags = reader.u16('flags');
  const at = reader.u32('at');
  const size = reader.u32('size');
  const skip = reader.u32('skip');
  reader.reserved(4);
  const bad = (field: string, problem: string) => reader.bad(`part: ${field}`, problem, offset);
  if (length === 0 || length > MAX_BLOCK) throw bad('length', `${length} is not allowed`);
  if (flags === ZEROS) {
    if (chunk !== 0 || at !== 0 || size !== 0 || skip !== 0) throw bad('reserved', 'is not zero');
    return { kind: 'zeros', length };
  }
  if (flags !== 0 && flags !== OWN) throw bad('flags', `${flags} are not known`);
  const id = chunks[chunk];
  if (id === undefined) throw bad('chunk', `there is no chunk ${chunk}`);
  const problem = placeProblem(at, size);
  if (problem) throw bad(...problem);
  if (skip + length > MAX_BLOCK) throw bad('skip', `${skip} leads out of the unit`);
  return { kind: 'unit', length, place: { chunk: id, at, size }, skip, isOwn: flags === OWN };
}
