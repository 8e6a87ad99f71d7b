import { readRecord, updateRecord, type RecordKind } from './record-file.js';

/**
 * The infinite lease that keeps a finished blob from changing. It is nobody's at work, so it stands apart from the
 * records of pushes: what gives back a crashed push's lease does not find it.
 */
export interface SealRecord {
  readonly uri: string;
  readonly leaseId: string;
}

const SEAL: RecordKind<SealRecord> = { name: 'seal', parse: parseSealRecord };

/** The record for a blob; `undefined` where there is none, or none that is whole. */
export function readSealRecord(folder: string, uri: string): Promise<SealRecord | undefined> {
  return readRecord(SEAL, folder, uri);
}

/**
 * Keeps a record, readable by its owner only, and returns the one that it replaces. Throws if the folder cannot be
 * written: the id is then known nowhere else.
 */
export async function writeSealRecord(folder: string, record: SealRecord): Promise<SealRecord | undefined> {
  let replaced: SealRecord | undefined;
  await updateRecord(SEAL, folder, record.uri, (current) => {
    replaced = current;
    return record;
  });
  return replaced;
}

/** Replaces the record by `before` (`undefined`: none) if it still is the one for `leaseId`. Never throws. */
export async function withdrawSealRecord(
  folder: string,
  { uri, leaseId }: SealRecord,
  before: SealRecord | undefined,
): Promise<void> {
  await updateRecord(SEAL, folder, uri, (current) => (current?.leaseId === leaseId ? before : current)).catch(
    () => undefined,
  );
}

function parseSealRecord(value: unknown): SealRecord | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { uri, leaseId } = value as Readonly<Record<keyof SealRecord, unknown>>;
  return typeof uri === 'string' && typeof leaseId === 'string' ? { uri, leaseId } : undefined;
}
