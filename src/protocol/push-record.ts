import type { Metadata } from '../azure/blob-properties.js';

/** What a push writes to its destination's metadata, so that any machine can see what is there and resume it. */
export interface PushRecord {
  /**
   * `clearing`: the blob was made as a copy; pages of the base may still stand in ranges to write;
   * `writing`: all ranges to write were cleared, so a page in one of them was written by this push;
   * `complete`: all is there, Content-MD5 included.
   */
  readonly state: 'clearing' | 'writing' | 'complete';
  /** SHA-256 (hex) of source, base and plan. Two pushes with the same fingerprint are the same push. */
  readonly fingerprint: string;
  /** SHA-256 of the times of the source files. If they differ, what is there is compared with the disk first. */
  readonly times: string;
  /** Unique id of the disk, and of its parent. */
  readonly id: string | undefined;
  readonly parentId: string | undefined;
  readonly base: RecordedBase | undefined;
  /** The image series that the blob is a version of; see `image-series.ts`. */
  readonly image?: string | undefined;
  /** Its number or tag in that series; absent if none could be claimed. */
  readonly imageVersion?: string | undefined;
  /** Only in state `complete`: if Last-Modified is later than this, the blob was written to since. */
  readonly completedAt?: Date | undefined;
  /** How much later than `completedAt` the push itself may have modified the blob, in milliseconds: 0; absent if an older version completed it. */
  readonly completedSlackMs?: number;
  /** Bytes that the plan may write, the footer not counted. Only while the push is unfinished, and not from older versions. */
  readonly toWrite?: number | undefined;
  /** True if this push leaves out Content-MD5: a run that resumes it follows. Only while the push is unfinished. */
  readonly contentMd5Omitted?: true | undefined;
  /** The digests of the disk; only in state `complete`. */
  readonly digests?: RecordedDigests | undefined;
  /** The process that writes to the blob, or did last: see `holder.ts`. Absent once the push is complete. */
  readonly holder: string | undefined;
  /** The root of the lease's ids, encrypted: see `lease-secret.ts`. Absent once the push is complete. */
  readonly lease?: string;
}

/** All of a push record that stays the same while the push runs. */
export type PushIdentity = Omit<PushRecord, 'state'>;

/** The base of a push: its URI without the query, its ETag, its unique id if it has one, and what proved what it holds. */
export interface RecordedBase {
  readonly uri: string;
  readonly etag: string;
  readonly id: string | undefined;
  readonly check: BaseCheck;
}

/** Digests of a disk, as the metadata of its blob has them. */
export interface RecordedDigests {
  /** The tree digest (`docs/DIGEST.md`), 64 hexadecimal digits. */
  readonly tree: string;
  /** Content-MD5 as the push set it, 32 hexadecimal digits; `undefined` if it set none. */
  readonly md5: string | undefined;
}

/**
 * `tree`, `md5`: that digest was compared with the ancestor's; `id`: only the unique id was compared, or the base was itself pushed
 * over such a base; `leaves`: the disk was compared with the leaves of the base.
 */
export type BaseCheck = 'tree' | 'md5' | 'id' | 'leaves';

const PREFIX = 'vhdup_';
const VERSION = '1';
/** The value of `vhdup_content_md5`. Without the key Content-MD5 is set: older versions set it unless an option forbade it. */
const OMITTED = 'omitted';
/** What a finished push has no use for. */
const COMPLETE: Pick<PushRecord, 'holder' | 'lease' | 'toWrite' | 'contentMd5Omitted'> = { holder: undefined };

/** Returns metadata with this push record in place of any other; keys of other tools are kept. */
export function withPushRecord(metadata: Metadata, record: PushRecord): Metadata {
  const { state, fingerprint, times, id, parentId, base, image, imageVersion } = record;
  const { completedAt, completedSlackMs, digests } = record;
  const { holder, lease, toWrite, contentMd5Omitted } = state === 'complete' ? COMPLETE : record;
  const ours = {
    version: VERSION,
    state,
    fingerprint,
    times,
    id,
    parent_id: parentId,
    base: base?.uri,
    base_etag: base?.etag.replaceAll('"', ''),
    base_id: base?.id,
    base_check: base?.check,
    image,
    image_version: imageVersion,
    holder,
    lease,
    to_write: toWrite?.toString(),
    content_md5: contentMd5Omitted ? OMITTED : undefined,
    completed: completedAt?.toISOString(),
    completed_slack: completedSlackMs === 0 ? '0' : undefined,
    tree: digests?.tree,
    md5: digests?.md5,
  };
  const foreign = Object.entries(metadata).filter(([key]) => !key.toLowerCase().startsWith(PREFIX));
  const own = Object.entries(ours).flatMap(([key, value]) =>
    value === undefined ? [] : [[PREFIX + key, value] as const],
  );
  return Object.fromEntries([...foreign, ...own]);
}

/** Returns the push record in a blob's metadata; `undefined` if there is none that this version knows. Keys have no case. */
export function parsePushRecord(metadata: Metadata): PushRecord | undefined {
  const values = new Map(Object.entries(metadata).map(([key, value]) => [key.toLowerCase(), value]));
  const value = (key: string) => values.get(PREFIX + key);
  const state = value('state');
  const fingerprint = value('fingerprint');
  if (value('version') !== VERSION || fingerprint === undefined) return undefined;
  if (state !== 'clearing' && state !== 'writing' && state !== 'complete') return undefined;
  const uri = value('base');
  const lease = value('lease');
  const image = value('image');
  const imageVersion = image === undefined ? undefined : value('image_version');
  const toWrite = parseBytes(value('to_write'));
  return {
    state,
    fingerprint,
    times: value('times') ?? '',
    id: value('id'),
    parentId: value('parent_id'),
    base:
      uri === undefined
        ? undefined
        : {
            uri,
            etag: value('base_etag') ?? '',
            id: value('base_id'),
            check: parseBaseCheck(value('base_check')),
          },
    ...(image === undefined ? {} : { image }),
    ...(imageVersion === undefined ? {} : { imageVersion }),
    completedAt: parseDate(value('completed')),
    ...(value('completed_slack') === '0' ? { completedSlackMs: 0 } : {}),
    digests: parseDigests(value('tree'), value('md5')),
    holder: value('holder'),
    ...(lease === undefined ? {} : { lease }),
    ...(toWrite === undefined ? {} : { toWrite }),
    ...(value('content_md5') === OMITTED ? { contentMd5Omitted: true } : {}),
  };
}

/** Returns true if metadata has the state of a push, but in a form that this version does not know. */
export function hasUnknownPushRecord(metadata: Metadata): boolean {
  return (
    Object.keys(metadata).some((key) => key.toLowerCase() === `${PREFIX}state`) &&
    parsePushRecord(metadata) === undefined
  );
}

/** A kind of check that this version does not know counts as none. */
function parseBaseCheck(text: string | undefined): BaseCheck {
  return text === 'tree' || text === 'md5' || text === 'leaves' ? text : 'id';
}

function parseDigests(tree: string | undefined, md5: string | undefined): RecordedDigests | undefined {
  return tree !== undefined && /^[0-9a-f]{64}$/.test(tree) ? { tree, md5 } : undefined;
}

function parseBytes(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

function parseDate(text: string | undefined): Date | undefined {
  const date = new Date(text ?? NaN);
  return Number.isNaN(date.getTime()) ? undefined : date;
}

/**
 * Returns the tree digest that a finished push has recorded. Returns `undefined` if Content-MD5 was set or removed since: then
 * the content may be another one too.
 */
export function recordedTree(record: PushRecord | undefined, contentMd5: Uint8Array | undefined): Buffer | undefined {
  if (record?.state !== 'complete' || !record.digests) return undefined;
  const md5 = contentMd5 && Buffer.from(contentMd5).toString('hex');
  return md5 === record.digests.md5 ? Buffer.from(record.digests.tree, 'hex') : undefined;
}

/** Returns true if a blob was pushed over a base of which only the id was compared, or over one for which that is true. */
export function isOverUncheckedBase({ base }: PushRecord): boolean {
  return base?.check === 'id';
}

/** Older versions recorded a time before their own last change, so a later Last-Modified is allowed by this much. */
const OLD_SLACK_MS = 5_000;

/**
 * Returns true if a blob was written to after its push was completed, as by a virtual machine that runs on it. Its Content-MD5
 * is still there, and proves nothing any longer. Leases, tags and tiers do not change Last-Modified.
 */
export function isWrittenSince(
  { state, completedAt, completedSlackMs = OLD_SLACK_MS }: PushRecord,
  lastModified: Date,
): boolean {
  return (
    state === 'complete' &&
    completedAt !== undefined &&
    lastModified.getTime() - completedAt.getTime() > completedSlackMs
  );
}
