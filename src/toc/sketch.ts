import { crc32 } from 'node:zlib';
import { FieldReader } from './field-reader.js';
import { MAX_BLOCK } from './entry.js';

const MAGIC = 'VHDUPSK1';
const SKETCH_BYTES = 20;
const SMALL_PAGE = 4096;
/** How many values a sketch has at most. */
export const SKETCH_VALUES = 4;
const ZEROS = Buffer.alloc(SMALL_PAGE);

/** The smallest CRC-32 of the pages of 4 KiB of a block, by which it is found when it has moved (docs/VAULT.md, "Sketch"). */
export interface Sketch {
  /** Index of the entry in its page. */
  readonly entry: number;
  /** In ascending order, none of them 0. */
  readonly values: readonly SketchValue[];
}

/** A CRC-32, and the number of the 4 KiB page in its block. */
export interface SketchValue {
  readonly crc: number;
  readonly page: number;
}

/** Returns the CRC-32 of each 4 KiB page of a block; 0 for a page of zeros. A shorter block counts as filled up with zeros. */
export function pageChecksums(block: Uint8Array): number[] {
  const sums: number[] = [];
  for (let at = 0; at < block.length; at += SMALL_PAGE) {
    const page = block.subarray(at, at + SMALL_PAGE);
    const whole = page.length === SMALL_PAGE ? page : Buffer.concat([page, ZEROS.subarray(page.length)]);
    sums.push(ZEROS.equals(whole) ? 0 : crc32(whole));
  }
  return sums;
}

/** Returns the values of the sketch of a block with these checksums of its pages. */
export function sketchValues(checksums: readonly number[]): SketchValue[] {
  return checksums
    .map((crc, page) => ({ crc, page }))
    .filter(({ crc }) => crc !== 0)
    .sort((a, b) => a.crc - b.crc || a.page - b.page)
    .slice(0, SKETCH_VALUES);
}

/** Returns the sketches of a page as bytes. */
export function encodeSketches(sketches: readonly Sketch[]): Buffer {
  const bytes = Buffer.alloc(16 + sketches.length * SKETCH_BYTES);
  bytes.write(MAGIC, 'latin1');
  bytes.writeUInt32LE(sketches.length, 8);
  for (const [index, { entry, values }] of sketches.entries()) {
    const at = 16 + index * SKETCH_BYTES;
    bytes.writeUInt16LE(entry, at);
    let pages = 0;
    for (const [place, { crc, page }] of values.entries()) {
      bytes.writeUInt32LE(crc, at + 2 + place * 4);
      pages |= page << (place * 4);
    }
    bytes.writeUInt16LE(pages, at + 18);
  }
  return bytes;
}

/** Parses the sketches of a page with `entries` entries. Throws `BadStructure`. */
export function parseSketches(bytes: Buffer, entries: number): Sketch[] {
  const reader = new FieldReader(bytes, 'sketches');
  reader.magic(MAGIC);
  const count = reader.u32('count');
  reader.reserved(4);
  reader.require('count', count, SKETCH_BYTES);
  let next = 0;
  const sketches = Array.from({ length: count }, () => {
    const at = reader.offset;
    const entry = reader.u16('entry');
    if (entry < next || entry >= entries) throw reader.bad('entry', `${entry} is not one of ${next} to ${entries}`, at);
    next = entry + 1;
    const crcs = Array.from({ length: SKETCH_VALUES }, () => reader.u32('value'));
    const pages = reader.u16('pages');
    const values = crcs.map((crc, place) => ({ crc, page: (pages >>> (place * 4)) & 15 }));
    const count = crcs.findIndex((crc) => crc === 0);
    const used = count < 0 ? values : values.slice(0, count);
    if (crcs.slice(used.length).some((crc) => crc !== 0) || pages >>> (used.length * 4) !== 0)
      throw reader.bad('values', 'follow one that is absent', at);
    if (used.some((value, place) => place > 0 && !isBefore(used[place - 1], value)))
      throw reader.bad('values', 'are not in ascending order', at);
    if (new Set(used.map(({ page }) => page)).size < used.length)
      throw reader.bad('pages', 'are not different ones', at);
    return { entry, values: used };
  });
  reader.end();
  return sketches;
}

function isBefore(first: SketchValue | undefined, second: SketchValue): boolean {
  return !first || first.crc < second.crc || (first.crc === second.crc && first.page < second.page);
}

/** The most checksums of a block. */
export const MAX_CHECKSUMS = MAX_BLOCK / SMALL_PAGE;
