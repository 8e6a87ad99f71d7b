import { JsonFields } from './json-fields.js';
import { datasetName, recordKey } from './object-names.js';
import { encodeSignedLine, parseSignedLine } from './signed-line.js';
import type { Cutting } from './root.js';

const FORMAT = 1;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const SHA256 = /^[0-9a-f]{64}$/;
const OBJECT_ID = /^[0-9a-f]{32}$/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;

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
  const fields = new JsonFields(parseSignedLine(key, bytes).value, key);
  fields.requireFormat(FORMAT);
  if (fields.text('dataset') !== dataset || fields.count('seq') !== seq || fields.count('rev') !== rev)
    throw fields.bad('dataset', 'is not that of its name');
  if (datasetName(dataset) !== dataset) throw fields.bad('dataset', 'is no name of a dataset');
  const toc = fields.object('toc');
  return {
    dataset,
    seq,
    rev,
    uuid: fields.text('uuid', UUID),
    version: fields.text('version', UUID),
    created: fields.text('created', TIME),
    toc: {
      id: toc.text('id', OBJECT_ID),
      bytes: toc.count('bytes'),
      head: toc.count('head'),
      sha256: toc.text('sha256', SHA256),
    },
    facts: parseFacts(fields.object('facts')),
  };
}

function parseFacts(facts: JsonFields): VersionFacts {
  const parent = facts.has('parent') ? facts.object('parent') : undefined;
  const disk = facts.has('disk') ? facts.object('disk') : undefined;
  const cut = facts.object('cut');
  const stats = facts.object('stats');
  return {
    by: facts.text('by'),
    type: facts.oneOf('type', DATASET_TYPES),
    bytes: facts.count('bytes'),
    parent: parent && { seq: parent.count('seq'), version: parent.text('version', UUID) },
    cut: { by: cut.oneOf('by', ['fixed', 'fastcdc-1']), pageBits: cut.count('pageBits') },
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
