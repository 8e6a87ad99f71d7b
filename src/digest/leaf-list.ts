import { createHash } from 'node:crypto';
import { MAX_SECTION_BYTES } from './leaf-section.js';
import { MAX_SKETCH } from './leaf-sketch.js';
import { VALUE, digestOfSections, isZeroValue, sectionCount } from './tree.js';

/** The first bytes of a list of leaves (docs/LEAVES.md). Numbers are big endian. */
const MAGIC = Buffer.from('vhdup-leaves-1\n\0', 'ascii');
/** Magic, length of the header, length of its JSON. */
const START_BYTES = MAGIC.length + 8;
/** A section: value of its node, offset behind the header (8), stored length (4), length before compression (4). */
const ENTRY_BYTES = VALUE + 16;
const CHECKSUM_BYTES = 32;
/** The most bytes of a header: that of a disk of 8 TiB has about 130 KiB. */
export const MAX_HEADER_BYTES = 1024 * 1024;

/** Where a list has a section. */
export interface SectionEntry {
  readonly value: Uint8Array;
  /** In the list, in bytes. */
  readonly offset: number;
  readonly length: number;
  readonly plainLength: number;
}

/** The disk that a list is of. */
export interface ListedDisk {
  /** Bytes, without the footer. */
  readonly size: number;
  /** The tree digest (docs/DIGEST.md). */
  readonly tree: Uint8Array;
  /** The name of its blob. */
  readonly name: string;
  /** The ETag, without quotes, of the blob from which the leaves were read; `undefined` if they are those of a local disk. */
  readonly etag: string | undefined;
}

/** The header of a list of leaves. */
export interface LeafListHeader extends ListedDisk {
  /** All sections of the disk, in order. */
  readonly sections: readonly SectionEntry[];
  /** The sketch of the disk: see `SketchBuilder`. */
  readonly sketch: Uint8Array;
}

/** The JSON in a header. */
interface HeaderText {
  readonly size: number;
  readonly tree: string;
  readonly blob: string;
  readonly etag?: string;
  readonly sections: number;
  readonly sketch: number;
}

/** Returns the bytes of a header. The offsets of its sections count from its end. */
export function encodeHeader({ size, tree, name, etag, sections, sketch }: LeafListHeader): Buffer {
  const text: HeaderText = {
    size,
    tree: Buffer.from(tree).toString('hex'),
    blob: name,
    ...(etag === undefined ? {} : { etag }),
    sections: sections.length,
    sketch: sketch.length / VALUE,
  };
  const json = Buffer.from(JSON.stringify(text), 'utf8');
  const length = START_BYTES + json.length + sections.length * ENTRY_BYTES + sketch.length + CHECKSUM_BYTES;
  const lengths = Buffer.alloc(8);
  lengths.writeUInt32BE(length, 0);
  lengths.writeUInt32BE(json.length, 4);
  const bytes = Buffer.concat([MAGIC, lengths, json, ...sections.map(entryBytes), sketch]);
  return Buffer.concat([bytes, createHash('sha256').update(bytes).digest()]);
}

/** Returns the length of the header that begins with these bytes. Throws `RangeError` if they begin no list of leaves. */
export function headerLength(bytes: Buffer): number {
  if (bytes.length < START_BYTES || !bytes.subarray(0, MAGIC.length).equals(MAGIC))
    throw new RangeError('it is not a list of leaves that this version knows');
  const length = bytes.readUInt32BE(MAGIC.length);
  if (length < START_BYTES + CHECKSUM_BYTES || length > MAX_HEADER_BYTES)
    throw new RangeError(`its header has ${length} bytes`);
  return length;
}

/**
 * Parses a header, and checks that the values of its sections give its tree digest. `listSize`: bytes of the whole list. Throws
 * `RangeError` if it is damaged.
 */
export function parseHeader(bytes: Buffer, listSize: number): LeafListHeader {
  const length = headerLength(bytes);
  if (bytes.length < length || listSize < length) throw new RangeError('its header is cut short');
  const body = bytes.subarray(0, length - CHECKSUM_BYTES);
  const checksum = bytes.subarray(length - CHECKSUM_BYTES, length);
  if (!createHash('sha256').update(body).digest().equals(checksum)) throw new RangeError('its header is damaged');
  const jsonEnd = START_BYTES + body.readUInt32BE(MAGIC.length + 4);
  if (jsonEnd > body.length) throw new RangeError('its header is damaged');
  const text = textOf(body.subarray(START_BYTES, jsonEnd));
  const { size, sections: count, sketch } = text;
  if (count !== sectionCount(size) || body.length !== jsonEnd + count * ENTRY_BYTES + sketch * VALUE)
    throw new RangeError('its header has another length');
  const sections = Array.from({ length: count }, (_, index) => entryOf(body, jsonEnd + index * ENTRY_BYTES, length));
  for (const { value, offset, length: stored, plainLength } of sections) {
    if (offset + stored > listSize || stored > plainLength || plainLength > MAX_SECTION_BYTES)
      throw new RangeError('one of its sections is not within it');
    if (stored === 0 && !isZeroValue(value)) throw new RangeError('one of its sections is without its leaves');
  }
  const tree = Buffer.from(text.tree, 'hex');
  if (!digestOfSections(size, Buffer.concat(sections.map(({ value }) => value))).equals(tree))
    throw new RangeError('the values of its sections do not give its tree digest');
  return {
    size,
    tree,
    name: text.blob,
    etag: text.etag,
    sections,
    sketch: body.subarray(body.length - sketch * VALUE),
  };
}

function entryBytes({ value, offset, length, plainLength }: SectionEntry): Buffer {
  const bytes = Buffer.alloc(ENTRY_BYTES);
  bytes.set(value, 0);
  bytes.writeBigUInt64BE(BigInt(offset), VALUE);
  bytes.writeUInt32BE(length, VALUE + 8);
  bytes.writeUInt32BE(plainLength, VALUE + 12);
  return bytes;
}

function entryOf(body: Buffer, at: number, headerEnd: number): SectionEntry {
  return {
    value: body.subarray(at, at + VALUE),
    offset: headerEnd + Number(body.readBigUInt64BE(at + VALUE)),
    length: body.readUInt32BE(at + VALUE + 8),
    plainLength: body.readUInt32BE(at + VALUE + 12),
  };
}

function textOf(bytes: Buffer): HeaderText {
  const text = parseJson(bytes);
  if (typeof text !== 'object' || text === null) throw new RangeError('its header is damaged');
  const value = (key: string): unknown => (text as Readonly<Record<string, unknown>>)[key];
  const [size, tree, blob, etag] = [value('size'), value('tree'), value('blob'), value('etag')];
  const [sections, sketch] = [value('sections'), value('sketch')];
  const isRight =
    isCount(size, Number.MAX_SAFE_INTEGER) &&
    typeof tree === 'string' &&
    /^[0-9a-f]{64}$/.test(tree) &&
    typeof blob === 'string' &&
    (etag === undefined || typeof etag === 'string') &&
    isCount(sections, MAX_HEADER_BYTES / ENTRY_BYTES) &&
    isCount(sketch, MAX_SKETCH);
  if (!isRight) throw new RangeError('its header is damaged');
  return { size, tree, blob, ...(etag === undefined ? {} : { etag }), sections, sketch };
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    throw new RangeError('its header is damaged');
  }
}

function isCount(value: unknown, most: number): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0 && Number(value) <= most;
}
