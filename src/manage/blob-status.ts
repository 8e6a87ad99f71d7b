import { hostname } from 'node:os';
import type { Warning } from '../errors.js';
import { parseBlobUri } from '../azure/location.js';
import { leafListState, type LeafListState } from '../protocol/leaf-list-state.js';
import type { PushRecord } from '../protocol/push-record.js';
import { findProblem, judgeBlob, pushStateOf, type PushState, type Verdict } from '../protocol/verdict.js';
import type { PageBlob } from '../azure/page-blob.js';
import type { BlobProperties } from '../azure/blob-properties.js';
import { rangeSet, totalLength } from '../bytes/range.js';
import { parseHolder } from '../protocol/holder.js';
import { TEXT, checkOptions, type OptionRules } from '../option-rules.js';
import type { SessionOptions } from '../session/options.js';
import { Session } from '../session/session.js';
import { readLeaseRecord } from '../state/lease-record.js';
import { stateFolderIfAny } from '../state/user-folders.js';
import { judgeOwner } from '../state/owner.js';
import { readSealRecord } from '../state/seal-record.js';

/** Options of all functions that look after a blob. */
export interface ManageOptions extends SessionOptions {
  /** Folder for this machine's records; see `docs/PROTOCOL.md`. */
  readonly stateFolder?: string | undefined;
}

/** What these options have to be, besides those of all commands. */
export const MANAGE_RULES: OptionRules<ManageOptions, keyof SessionOptions> = { stateFolder: TEXT };

/** How far a push to a blob is, as far as the blob shows. Amounts are bytes. */
export interface BlobStatus {
  /** URI of the blob, without a SAS. */
  readonly blob: string;
  readonly exists: boolean;
  /**
   * `none`: no blob, or one without a push record; `written-since`: the push was completed, and the blob was written to later;
   * `unfinished-elsewhere`: by another tool, or another version of this one.
   */
  readonly state: PushState;
  /** When the blob was last written to, ISO 8601; only in state `written-since`: then its digests prove nothing. */
  readonly writtenSince?: string;
  /** What the push has recorded. */
  readonly push: PushRecord | undefined;
  /** Bytes of the blob, the footer included. */
  readonly blobSize: number | undefined;
  /** Bytes in pages. */
  readonly allocated: number | undefined;
  /**
   * About how many bytes of an unfinished push are left to write, at most; over a base all that the push may write, because the
   * blob does not show what of it is there. `planPush` knows more: it has the disk. Absent if an older version made the record.
   */
  readonly left?: number;
  /** The service's last copy to it. */
  readonly copy:
    | {
        readonly status: string;
        readonly done: number | undefined;
        readonly total: number | undefined;
        readonly description: string | undefined;
      }
    | undefined;
  readonly lease: LeaseStatus | undefined;
  /** The list of leaves of a finished push. */
  readonly leafList?: LeafListState;
  /** What keeps the blob from changing, in words. */
  readonly protection: string | undefined;
  readonly warnings: readonly Warning[];
}

/** The lease of a blob. */
export interface LeaseStatus {
  /** As the service says: `available`, `leased`, `expired`, `breaking`, `broken`. */
  readonly state: string | undefined;
  readonly infinite: boolean;
  /** The process that holds it; `undefined` if it is not held, or no process is known. */
  readonly holder: LeaseHolder | undefined;
  /** True if this machine has recorded the id of the seal. */
  readonly isSealedFromHere: boolean;
}

/** The process that holds a lease. */
export interface LeaseHolder {
  readonly host: string;
  readonly pid: number;
  readonly isThisMachine: boolean;
  /** Whether that process still runs; known only for this machine, the same boot and the same process-id namespace. */
  readonly isAlive: boolean | undefined;
}

/**
 * Returns about how many bytes are left to write, at most. What turns out to be zero is not sent. Without a base all pages are
 * the push's own, so what is there counts as written; over a base, pages of the base are there too.
 */
function leftOf(push: PushRecord | undefined, allocated: number | undefined): number | undefined {
  if (push?.toWrite === undefined) return undefined;
  return push.base ? push.toWrite : Math.max(0, push.toWrite - (allocated ?? 0));
}

/** Returns how far a push is, and changes nothing. That there is no such blob is a result too. */
export async function blobStatus(uri: string, options: ManageOptions = {}): Promise<BlobStatus> {
  const session = new Session(options);
  checkOptions(options, MANAGE_RULES);
  const blob = await session.blob(parseBlobUri(uri));
  const properties = await blob.properties();
  if (!properties)
    return {
      blob: blob.uri,
      exists: false,
      state: 'none',
      push: undefined,
      blobSize: undefined,
      allocated: undefined,
      copy: undefined,
      lease: undefined,
      protection: undefined,
      warnings: session.warnings,
    };
  const { type, etag, size, protection } = properties;
  const verdict = judgeBlob(properties);
  const push = verdict.record;
  const writtenSince = findProblem(verdict, 'written-since');
  // While the blob is written to, its ETag changes all the time, so the pages are counted at any moment.
  const allocated =
    type === 'PageBlob' && !findProblem(verdict, 'copy-pending')
      ? totalLength(rangeSet(await blob.pageRanges(properties.lease.state === 'leased' ? {} : { ifMatch: etag })))
      : undefined;
  const left = findProblem(verdict, 'unfinished-push') && leftOf(push, allocated);
  return {
    blob: blob.uri,
    exists: true,
    state: pushStateOf(verdict),
    ...(writtenSince ? { writtenSince: writtenSince.lastModified.toISOString() } : {}),
    push,
    blobSize: size,
    allocated,
    ...(left === undefined ? {} : { left }),
    copy: copyOf(properties),
    ...(await leafListOf(session, blob, properties, verdict)),
    lease: await leaseOf(properties, blob.uri, push, options.stateFolder ?? stateFolderIfAny()),
    protection,
    warnings: session.warnings,
  };
}

/** While a blob is written to, a list beside it says nothing. */
async function leafListOf(
  session: Session,
  blob: PageBlob,
  properties: BlobProperties,
  verdict: Verdict,
): Promise<Pick<BlobStatus, 'leafList'>> {
  if (verdict.state !== 'finished' && verdict.state !== 'written-since') return {};
  return { leafList: await leafListState(session, blob, properties, verdict) };
}

function copyOf({ copy }: BlobProperties): BlobStatus['copy'] {
  if (!copy) return undefined;
  const [, done, total] = /^(\d+)\/(\d+)$/.exec(copy.progress ?? '') ?? [];
  return {
    status: copy.status,
    done: done === undefined ? undefined : Number(done),
    total: total === undefined ? undefined : Number(total),
    description: copy.description,
  };
}

/** The metadata names the holder. If it is a process of this machine, the record in the state folder has more of it. */
async function leaseOf(
  { lease }: BlobProperties,
  uri: string,
  push: PushRecord | undefined,
  stateFolder: string | undefined,
): Promise<LeaseStatus> {
  const isHeld = lease.state === 'leased';
  const record = stateFolder === undefined ? undefined : await readLeaseRecord(stateFolder, uri);
  const recorded = parseHolder(push?.holder);
  const owner = record?.hasEnded === true ? undefined : record?.owner;
  const verdict = judgeOwner(owner);
  const holder =
    owner?.host === hostname()
      ? {
          host: owner.host,
          pid: owner.pid,
          isThisMachine: true,
          isAlive: verdict === 'unknown' ? undefined : verdict === 'alive',
        }
      : recorded && { ...recorded, isThisMachine: false, isAlive: undefined };
  return {
    ...lease,
    holder: isHeld && !lease.infinite ? holder : undefined,
    isSealedFromHere:
      lease.infinite && stateFolder !== undefined && (await readSealRecord(stateFolder, uri)) !== undefined,
  };
}
