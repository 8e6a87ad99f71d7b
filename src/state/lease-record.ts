import envPaths from 'env-paths';
import { deleteRecord, readRecord, writeRecord } from './record-file.js';

/**
 * Which lease a process of this machine holds, so that after a crash the next one need not wait until it runs out.
 * A hint only: the state of a push is on the blob, and any other machine resumes without this.
 */
export interface LeaseRecord {
  readonly uri: string;
  /** The root of its ids. */
  readonly leaseId: string;
  /** Roots that the lease may still have, if a process was about to take it over from a crashed one. */
  readonly formerIds?: readonly string[];
  /** The ETag of the blob when the last process ended its work in an orderly way, just before it gave the lease back. */
  readonly etag?: string;
  /** True if it was this process that ended so: it holds nothing any longer, even if it still runs. */
  readonly hasEnded?: boolean;
  readonly pid: number;
  readonly host: string;
}

/** Where records are kept: `VHDUP_STATE_DIR`, else the user's data folder. */
export function defaultStateFolder(): string {
  return process.env['VHDUP_STATE_DIR'] ?? envPaths('vhdup', { suffix: '' }).data;
}

/** The record for a blob; `undefined` where there is none, or none that is whole. */
export function readLeaseRecord(folder: string, uri: string): Promise<LeaseRecord | undefined> {
  return readRecord<LeaseRecord>('lease', folder, uri);
}

/** Keeps a record, readable by its owner only. A folder that cannot be written is no reason to fail. */
export async function writeLeaseRecord(folder: string, record: LeaseRecord): Promise<void> {
  await writeRecord('lease', folder, record.uri, record).catch(() => undefined);
}

export async function deleteLeaseRecord(folder: string, uri: string): Promise<void> {
  await deleteRecord('lease', folder, uri);
}
