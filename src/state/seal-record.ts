import { deleteRecord, readRecord, writeRecord } from './record-file.js';

/**
 * The infinite lease that keeps a finished blob from changing. It is nobody's at work, so it stands apart from the
 * records of pushes: what gives back a crashed push's lease does not find it.
 */
export interface SealRecord {
  readonly uri: string;
  readonly leaseId: string;
}

/** The record for a blob; `undefined` where there is none, or none that is whole. */
export function readSealRecord(folder: string, uri: string): Promise<SealRecord | undefined> {
  return readRecord<SealRecord>('seal', folder, uri);
}

/** Keeps a record, readable by its owner only; throws where the folder cannot be written: the id is then known nowhere else. */
export async function writeSealRecord(folder: string, record: SealRecord): Promise<void> {
  await writeRecord('seal', folder, record.uri, record);
}

export async function deleteSealRecord(folder: string, uri: string): Promise<void> {
  await deleteRecord('seal', folder, uri);
}
