import { parseOwner, type Owner } from './owner.js';
import { deleteRecord, readRecord, updateRecord, writeRecord, type RecordKind } from './record-file.js';

/**
 * The lease that a process of this machine holds. After a crash, the next process takes it over instead of waiting until it expires.
 * Only a hint: the state of a push is on the blob, and any other machine resumes without this record.
 */
export interface LeaseRecord {
  readonly uri: string;
  /** The root of the lease's ids: see `LeaseId`. */
  readonly leaseId: string;
  /** Other roots that the lease may still have, because the process may have crashed before it took the lease over. */
  readonly formerIds?: readonly string[];
  /** The ETag of the blob when the last process ended normally, just before it released the lease. */
  readonly etag?: string;
  /** True if the work of `owner` ended normally: it no longer holds the lease, even if it still runs. */
  readonly hasEnded?: boolean;
  /** The process that holds the lease, or was the last one to hold it. */
  readonly owner: Owner;
}

const LEASE: RecordKind<LeaseRecord> = { name: 'lease', parse: parseLeaseRecord };

/** Returns the record for a blob; `undefined` if there is none, or it is damaged. */
export function readLeaseRecord(folder: string, uri: string): Promise<LeaseRecord | undefined> {
  return readRecord(LEASE, folder, uri);
}

/** Writes a record, readable only by this user. Never throws: if the folder cannot be written, nothing is recorded. */
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

/** Deletes the record for a blob, if there is one. Never throws. */
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
  if (!isAbsentOr(isStringArray, formerIds) || !isAbsentOr(isString, etag) || !isAbsentOr(isBoolean, hasEnded))
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

function isStringArray(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every(isString);
}

function isString(value: unknown): value is string {
  return typeof value === 'string';
}

function isBoolean(value: unknown): value is boolean {
  return typeof value === 'boolean';
}
