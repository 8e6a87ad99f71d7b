import { JsonFields } from './json-fields.js';
import { datasetName, recordKey } from './object-names.js';
import { encodeSignedLine, parseSignedLine } from './signed-line.js';
import { MAX_PAGE_BITS, type Cutting } from './root.js';
import { MAX_HEAD } from './toc-object.js';

const FORMAT = 1;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const SHA256 = /^[0-9a-f]{64}$/;
const OBJECT_ID = /^[0-9a-f]{32}$/;

/** What a dataset holds. Only `disk` changes how it is cut. */
export const DATASET_TYPES = ['disk', 'database', 'mailbox', 'file', 'tree', 'other'] as const;
export type DatasetType = (typeof DATASET_TYPES)[number];

/** The commit of a version. */
export interface VersionRecord {
  readonly dataset: string;
  readonly seq: number;
  /** 0, and one more each time the version was stored anew with the same content. */
  readonly rev: number;
  /** New for each record; its TOC and chunks carry it. */
  readonly uuid: string;
  /** The uuid of rev 0. */
  readonly version: string;
  /** By the clock of the store, ISO 8601. */
  readonly created: string;
  readonly toc: RecordedToc;
  readonly facts: VersionFacts;
}

/** Where the TOC of a version is. */
export interface RecordedToc {
  /** Hexadecimal. */
  readonly id: string;
  /** Of the object. */
  readonly bytes: number;
  /** Bytes before the first page. */
  readonly head: number;
  /** Of the head, hexadecimal. */
  readonly sha256: string;
}

/** What a version holds. In an encrypted vault this part is encrypted. */
export interface VersionFacts {
  /** The program that made it. */
  readonly by: string;
  readonly type: DatasetType;
  readonly bytes: number;
  readonly parent: { readonly seq: number; readonly version: string } | undefined;
  readonly cut: Cutting;
  /** The digest over its pages, hexadecimal. */
  readonly content: string;
  /** The tree digest (docs/DIGEST.md), hexadecimal. */
  readonly tree: string;
  readonly disk: RecordedDisk | undefined;
  readonly stats: VersionStats;
  readonly tags: readonly string[];
  readonly comment: string;
}

/** What only a disk has. */
export interface RecordedDisk {
  readonly id: string | undefined;
  readonly parentId: string | undefined;
  /** Seconds since 2000, as a VHD has it. */
  readonly timeStamp: number;
  /** The footer of the fixed VHD, 512 bytes in base64. */
  readonly footer: string;
}

/** Blocks or pieces by what became of them, and bytes that were stored. */
export interface VersionStats {
  readonly changed: number;
  readonly moved: number;
  readonly recipes: number;
  readonly new: number;
  readonly stored: number;
}

/** Returns a record as bytes. */
export function encodeRecord({ dataset, seq, rev, uuid, version, created, toc, facts }: VersionRecord): Buffer {
  const line = { format: FORMAT, needs: [], dataset, seq, rev, uuid, version, created, toc, facts };
  return encodeSignedLine(recordKey(dataset, seq, rev), line);
}

/** Parses the record that has this place among the records. Throws `BadStructure`. */
export function parseRecord(
  { dataset, seq, rev }: { readonly dataset: string; readonly seq: number; readonly rev: number },
  bytes: Buffer,
): VersionRecord {
  const key = recordKey(dataset, seq, rev);
  const { value, hmac } = parseSignedLine(key, bytes);
  const fields = new JsonFields(value, key);
  if (hmac !== undefined) throw fields.bad('hmac', 'is there, and the vault is not encrypted');
  fields.requireFormat(FORMAT);
  if (fields.text('dataset') !== dataset || fields.count('seq') !== seq || fields.count('rev') !== rev)
    throw fields.bad('dataset', 'is not that of its name');
  if (datasetName(dataset) !== dataset) throw fields.bad('dataset', 'is no name of a dataset');
  const [uuid, version] = [fields.text('uuid', UUID), fields.text('version', UUID)];
  if (rev === 0 && uuid !== version) throw fields.bad('version', 'is not the uuid of rev 0');
  return {
    dataset,
    seq,
    rev,
    uuid,
    version,
    created: fields.time('created'),
    toc: parseToc(fields.object('toc')),
    facts: parseFacts(fields.object('facts'), seq),
  };
}

function parseToc(toc: JsonFields): RecordedToc {
  const [bytes, head] = [toc.count('bytes'), toc.count('head')];
  if (head > bytes || head > MAX_HEAD) throw toc.bad('head', `${head} is too large`);
  return { id: toc.text('id', OBJECT_ID), bytes, head, sha256: toc.text('sha256', SHA256) };
}

function parseParent(parent: JsonFields, seq: number): VersionFacts['parent'] {
  const parentSeq = parent.count('seq');
  if (parentSeq === 0 || parentSeq >= seq) throw parent.bad('seq', `${parentSeq} is not that of an older version`);
  return { seq: parentSeq, version: parent.text('version', UUID) };
}

function parseCut(cut: JsonFields, type: DatasetType): Cutting {
  const by = cut.oneOf('by', ['fixed', 'fastcdc-1']);
  const pageBits = cut.count('pageBits');
  if ((by === 'fixed') !== (type === 'disk')) throw cut.bad('by', `is ${by}, of a ${type}`);
  if (pageBits === 0 || pageBits > MAX_PAGE_BITS) throw cut.bad('pageBits', `${pageBits} is not allowed`);
  return { by, pageBits };
}

function parseFacts(facts: JsonFields, seq: number): VersionFacts {
  const type = facts.oneOf('type', DATASET_TYPES);
  const parent = facts.has('parent') ? facts.object('parent') : undefined;
  const disk = facts.has('disk') ? facts.object('disk') : undefined;
  if (disk && type !== 'disk') throw facts.bad('disk', `is there, of a ${type}`);
  const stats = facts.object('stats');
  return {
    by: facts.text('by'),
    type,
    bytes: facts.count('bytes'),
    parent: parent && parseParent(parent, seq),
    cut: parseCut(facts.object('cut'), type),
    content: facts.text('content', SHA256),
    tree: facts.text('tree', SHA256),
    disk: disk && {
      id: disk.has('id') ? disk.text('id', UUID) : undefined,
      parentId: disk.has('parentId') ? disk.text('parentId', UUID) : undefined,
      timeStamp: disk.count('timeStamp'),
      footer: disk.text('footer', /^[A-Za-z0-9+/]{683}=$/),
    },
    stats: {
      changed: stats.count('changed'),
      moved: stats.count('moved'),
      recipes: stats.count('recipes'),
      new: stats.count('new'),
      stored: stats.count('stored'),
    },
    tags: facts.texts('tags'),
    comment: facts.text('comment'),
  };
}
