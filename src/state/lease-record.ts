import { parseOwner, type Owner } from './owner.js';
import { deleteRecord, readRecord, updateRecord, writeRecord, type RecordKind } from './record-file.js';
import { userFolder } from './user-folders.js';

/**
 * Which lease a process of this machine holds, so that after a crash the next one need not wait until it runs out.
 * A hint only: the state of a push is on the blob, and any other machine resumes without this.
 */
export interface LeaseRecord {
  readonly uri: string;
  /** The root of its ids. */
  readonly leaseId: string;
  /** Other roots that the lease may still have: the process may have crashed before it took the lease over. */
  readonly formerIds?: readonly string[];
  /** The ETag of the blob when the last process ended in order, just before it released the lease. */
  readonly etag?: string;
  /** True if `owner` ended in order: it holds nothing any longer, even if it still runs. */
  readonly hasEnded?: boolean;
  /** The process that holds it, or did last. */
  readonly owner: Owner;
}

const LEASE: RecordKind<LeaseRecord> = { name: 'lease', parse: parseLeaseRecord };

/** Where records are kept: `VHDUP_STATE_DIR`, else the user's data folder. Throws `usage` if there is none. */
export function defaultStateFolder(): string {
  return userFolder('state');
}

/** Returns `defaultStateFolder()` for work that needs no records; `undefined` if there is no such folder. */
export function stateFolderIfAny(): string | undefined {
  try {
    return defaultStateFolder();
  } catch {
    return undefined;
  }
}

/** The record for a blob; `undefined` where there is none, or none that is whole. */
export function readLeaseRecord(folder: string, uri: string): Promise<LeaseRecord | undefined> {
  return readRecord(LEASE, folder, uri);
}

/** Keeps a record, readable by its owner only. A folder that cannot be written is no reason to fail. */
export async function writeLeaseRecord(folder: string, record: LeaseRecord): Promise<void> {
  await writeRecord(LEASE, folder, record.uri, record).catch(() => undefined);
}

/**
 * Replaces the record for a blob by what `change` returns, under a lock: see `updateRecord`. Never throws. If the folder
 * cannot be written, nothing is recorded, and `change` may not be called.
 */
export async function updateLeaseRecord(
  folder: string,
  uri: string,
  change: (current: LeaseRecord | undefined) => LeaseRecord | undefined,
): Promise<void> {
  await updateRecord(LEASE, folder, uri, change).catch(() => undefined);
}

export async function deleteLeaseRecord(folder: string, uri: string): Promise<void> {
  await deleteRecord(LEASE, folder, uri);
}

function parseLeaseRecord(value: unknown): LeaseRecord | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const {
    uri,
    leaseId,
    formerIds,
    etag,
    hasEnded,
    owner: recorded,
  } = value as Readonly<Record<keyof LeaseRecord, unknown>>;
  const owner = parseOwner(recorded);
  if (typeof uri !== 'string' || typeof leaseId !== 'string' || !owner) return undefined;
  if (!isAbsentOr(isTextArray, formerIds) || !isAbsentOr(isText, etag) || !isAbsentOr(isBoolean, hasEnded))
    return undefined;
  return {
    uri,
    leaseId,
    owner,
    ...(formerIds === undefined ? {} : { formerIds }),
    ...(etag === undefined ? {} : { etag }),
    ...(hasEnded === undefined ? {} : { hasEnded }),
  };
}

function isAbsentOr<T>(is: (value: unknown) => value is T, value: unknown): value is T | undefined {
  return value === undefined || is(value);
}

function isTextArray(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every(isText);
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function isBoolean(value: unknown): value is boolean {
  return typeof value === 'boolean';
}
