import { readRecord, updateRecord, type RecordKind } from './record-file.js';

/**
 * The infinite lease that seals a finished blob. It is kept apart from the records of the leases of pushes, so that the release of
 * a crashed push's lease does not find it.
 */
export interface SealRecord {
  readonly uri: string;
  readonly leaseId: string;
}

const SEAL: RecordKind<SealRecord> = { name: 'seal', parse: parseSealRecord };

/** Returns the record for a blob; `undefined` if there is none, or it is damaged. */
export function readSealRecord(folder: string, uri: string): Promise<SealRecord | undefined> {
  return readRecord(SEAL, folder, uri);
}

/**
 * Writes a record, readable only by this user. Returns the one that it replaces. Throws the system's error if the folder cannot be
 * written: the id is then recorded nowhere.
 */
export async function writeSealRecord(folder: string, record: SealRecord): Promise<SealRecord | undefined> {
  let replaced: SealRecord | undefined;
  await updateRecord(SEAL, folder, record.uri, (current) => {
    replaced = current;
    return record;
  });
  return replaced;
}

/** Replaces the record by `before` (`undefined`: none) if it is still the one for `leaseId`. Never throws. */
export async function restoreSealRecord(
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
