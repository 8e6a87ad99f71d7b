import { hostname } from 'node:os';
import { parseBlobUri } from '../azure/location.js';
import { isUnfinishedElsewhere, stateOf, type PushState } from '../protocol/push-record.js';
import type { BlobProperties } from '../azure/blob-properties.js';
import { rangeSet, totalLength } from '../bytes/range.js';
import { parseHolder } from '../protocol/holder.js';
import type { SessionOptions } from '../session/options.js';
import { Session } from '../session/session.js';
import { readLeaseRecord } from '../state/lease-record.js';
import { stateFolderIfAny } from '../state/user-folders.js';
import { judgeOwner } from '../state/owner.js';
import { readSealRecord } from '../state/seal-record.js';

export interface ManageOptions extends SessionOptions {
  /** Folder for this machine's records; see `docs/PROTOCOL.md`. */
  readonly stateFolder?: string | undefined;
}

/** Where a push to a blob stands, as far as the blob can tell. Amounts are bytes. */
export interface BlobStatus {
  readonly uri: string;
  readonly exists: boolean;
  /** `none`: nothing is there, or a blob that says nothing of a push; `unfinished-elsewhere`: by another tool, or another version of this one. */
  readonly state: 'none' | PushState['state'] | 'unfinished-elsewhere';
  /** What the push says of itself. */
  readonly push: PushState | undefined;
  readonly size: number | undefined;
  /** In pages that are there; what is still to be written is known only with the disk. */
  readonly allocated: number | undefined;
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
  /** What keeps the blob from changing, in words. */
  readonly protection: string | undefined;
}

export interface LeaseStatus {
  /** As the service says: `available`, `leased`, `expired`, `breaking`, `broken`. */
  readonly state: string | undefined;
  readonly infinite: boolean;
  /** Who says to hold it; `undefined` where nobody does, or nobody says so. */
  readonly holder: LeaseHolder | undefined;
  /** True where this machine keeps the id of the seal. */
  readonly isSealedFromHere: boolean;
}

export interface LeaseHolder {
  readonly host: string;
  readonly pid: number;
  readonly isThisMachine: boolean;
  /** Whether that process still runs; known only for this machine, the same boot and the same process-id namespace. */
  readonly isAlive: boolean | undefined;
}

/** Reads where a push stands, changing nothing; a blob that is not there is a state too. */
export async function blobStatus(uri: string, options: ManageOptions = {}): Promise<BlobStatus> {
  const session = new Session(options);
  const blob = await session.blob(parseBlobUri(uri));
  const properties = await blob.properties();
  if (!properties)
    return {
      uri: blob.uri,
      exists: false,
      state: 'none',
      push: undefined,
      size: undefined,
      allocated: undefined,
      copy: undefined,
      lease: undefined,
      protection: undefined,
    };
  const { metadata, contentMd5, type, etag, size, protection } = properties;
  const push = stateOf(metadata);
  const isCopying = properties.copy?.status === 'pending';
  return {
    uri: blob.uri,
    exists: true,
    state: push?.state ?? (isUnfinishedElsewhere(metadata, contentMd5 !== undefined) ? 'unfinished-elsewhere' : 'none'),
    push,
    size,
    // While the blob is written to its ETag moves on; a count of some moment between is what can be had then.
    allocated:
      type === 'PageBlob' && !isCopying
        ? totalLength(rangeSet(await blob.pageRanges(properties.lease.state === 'leased' ? {} : { ifMatch: etag })))
        : undefined,
    copy: copyOf(properties),
    lease: await leaseOf(properties, blob.uri, push, options.stateFolder ?? stateFolderIfAny()),
    protection,
  };
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

/** The metadata says who; this machine's own record knows better, where it is of this machine. */
async function leaseOf(
  { lease }: BlobProperties,
  uri: string,
  push: PushState | undefined,
  stateFolder: string | undefined,
): Promise<LeaseStatus> {
  const isHeld = lease.state === 'leased';
  const record = stateFolder === undefined ? undefined : await readLeaseRecord(stateFolder, uri);
  const said = parseHolder(push?.holder);
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
      : said && { ...said, isThisMachine: false, isAlive: undefined };
  return {
    ...lease,
    holder: isHeld && !lease.infinite ? holder : undefined,
    isSealedFromHere:
      lease.infinite && stateFolder !== undefined && (await readSealRecord(stateFolder, uri)) !== undefined,
  };
}
