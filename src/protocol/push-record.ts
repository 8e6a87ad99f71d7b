import type { Metadata } from '../azure/blob-properties.js';

/** What a push writes on its destination, so that any machine can tell what is there and go on. */
export interface PushState {
  /**
   * `clearing`: made (copied), and base pages may still stand where the disk's have to come;
   * `writing`: all that has to be written is clear, so a page that is there was written by this push;
   * `complete`: all is there, Content-MD5 included.
   */
  readonly state: 'clearing' | 'writing' | 'complete';
  /** What makes two pushes the same: source, base and plan, as a SHA-256 in hexadecimal. */
  readonly fingerprint: string;
  /** SHA-256 of the modification times of the source files: where they differ, what is there is compared before it is trusted. */
  readonly times: string;
  readonly id: string | undefined;
  readonly parentId: string | undefined;
  /** URI of the base without its query, its ETag, its unique id, and what proved that it is the ancestor. */
  readonly base:
    { readonly uri: string; readonly etag: string; readonly id: string; readonly check: BaseCheck } | undefined;
  /** Only in state `complete`: if Last-Modified is later than this, the blob was written to since. */
  readonly completedAt?: Date | undefined;
  /** How much later than `completedAt` the push itself may have modified the blob, in milliseconds: 0; absent if an older version completed it. */
  readonly completedSlackMs?: number;
  /** What the push found its disk to be; only in state `complete`. */
  readonly digests?: StateDigests | undefined;
  /** Who writes to it, or did last: host name and process id. Not there once it is complete. */
  readonly holder: string | undefined;
  /** The root of its lease's ids, encrypted: see `push/lease-secret.ts`. Not there once it is complete. */
  readonly lease?: string;
}

/** Digests of a disk, as the metadata of its blob has them. */
export interface StateDigests {
  /** The tree digest (`docs/DIGEST.md`), 64 hexadecimal digits. */
  readonly tree: string;
  /** Content-MD5 as the push set it, 32 hexadecimal digits; `undefined` where it set none. */
  readonly md5: string | undefined;
}

/** `tree`, `md5`: that digest was compared with the ancestor's; `id`: its unique id alone was taken for proof. */
export type BaseCheck = 'tree' | 'md5' | 'id';

const PREFIX = 'vhdup_';
const VERSION = '1';

/** The metadata of a destination in a given state; foreign keys are kept. */
export function withState(
  metadata: Metadata,
  { state, fingerprint, times, id, parentId, base, holder, lease, completedAt, completedSlackMs, digests }: PushState,
): Metadata {
  const isComplete = state === 'complete';
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
    holder: isComplete ? undefined : holder,
    lease: isComplete ? undefined : lease,
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

/** Reads the state of a push; `undefined` where the blob carries none that this version knows. Keys have no case. */
export function stateOf(metadata: Metadata): PushState | undefined {
  const values = new Map(Object.entries(metadata).map(([key, value]) => [key.toLowerCase(), value]));
  const value = (key: string) => values.get(PREFIX + key);
  const state = value('state');
  const fingerprint = value('fingerprint');
  if (value('version') !== VERSION || fingerprint === undefined) return undefined;
  if (state !== 'clearing' && state !== 'writing' && state !== 'complete') return undefined;
  const uri = value('base');
  const lease = value('lease');
  return {
    state,
    fingerprint,
    times: value('times') ?? '',
    id: value('id'),
    parentId: value('parent_id'),
    base:
      uri === undefined
        ? undefined
        : { uri, etag: value('base_etag') ?? '', id: value('base_id') ?? '', check: baseCheckOf(value('base_check')) },
    completedAt: dateOf(value('completed')),
    ...(value('completed_slack') === '0' ? { completedSlackMs: 0 } : {}),
    digests: digestsOf(value('tree'), value('md5')),
    holder: value('holder'),
    ...(lease === undefined ? {} : { lease }),
  };
}

/** What is not known to be a proof is none. */
function baseCheckOf(text: string | undefined): BaseCheck {
  return text === 'tree' || text === 'md5' ? text : 'id';
}

function digestsOf(tree: string | undefined, md5: string | undefined): StateDigests | undefined {
  return tree !== undefined && /^[0-9a-f]{64}$/.test(tree) ? { tree, md5 } : undefined;
}

/**
 * The tree digest that a finished push has noted; `undefined` where somebody has set another Content-MD5 since, or taken
 * it off: then the note may be of something else too.
 */
export function notedTree(state: PushState | undefined, contentMd5: Uint8Array | undefined): Buffer | undefined {
  if (state?.state !== 'complete' || !state.digests) return undefined;
  const md5 = contentMd5 && Buffer.from(contentMd5).toString('hex');
  return md5 === state.digests.md5 ? Buffer.from(state.digests.tree, 'hex') : undefined;
}

function dateOf(text: string | undefined): Date | undefined {
  const date = new Date(text ?? NaN);
  return Number.isNaN(date.getTime()) ? undefined : date;
}

/** Older versions noted a time before their own last change, so a later Last-Modified is allowed by this much. */
const OLD_SLACK_MS = 5_000;

/**
 * Returns true for a blob that was written to after its push was completed, as by a virtual machine that runs on it: its
 * Content-MD5 stays, and proves nothing any longer. Leases, tags and tiers leave Last-Modified as it is.
 */
export function isChangedSince(
  { state, completedAt, completedSlackMs = OLD_SLACK_MS }: PushState,
  lastModified: Date,
): boolean {
  return (
    state === 'complete' &&
    completedAt !== undefined &&
    lastModified.getTime() - completedAt.getTime() > completedSlackMs
  );
}

/**
 * True for a blob that another uploader (or another version of this one) may not have finished: Add-AzVhd keeps `localmetadata` until then,
 * azure-vhd-utils writes Content-MD5 last and never removes `diskmetadata`.
 */
export function isUnfinishedElsewhere(metadata: Metadata, hasContentMd5: boolean): boolean {
  const keys = new Set(Object.keys(metadata).map((key) => key.toLowerCase()));
  return (
    (keys.has(`${PREFIX}state`) && stateOf(metadata) === undefined) ||
    (!hasContentMd5 && (keys.has('localmetadata') || keys.has('diskmetadata')))
  );
}
