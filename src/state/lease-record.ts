import { deleteRecord, readRecord, writeRecord } from './record-file.js';
import { userFolder } from './user-folders.js';

/**
 * Which lease a process of this machine holds, so that after a crash the next one need not wait until it runs out.
 * A hint only: the state of a push is on the blob, and any other machine resumes without this.
 */
export interface LeaseRecord {
  readonly uri: string;
  readonly leaseId: string;
  /** Ids that the lease may still have, where a process was about to take it over from a crashed one. */
  readonly formerIds?: readonly string[];
  readonly pid: number;
  readonly host: string;
}

/** Where records are kept: `VHDUP_STATE_DIR`, else the user's data folder. Throws `usage` where there is none. */
export function defaultStateFolder(): string {
  return userFolder('state');
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
