import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import crc32 from 'crc-32';

/** What every record has: the blob that it is for. */
export interface BlobRecord {
  readonly uri: string;
}

/** The kinds of records: one file a blob of each. */
export type RecordKind = 'lease' | 'seal';

/** The record for a blob; `undefined` where there is none, or none that is whole. */
export async function readRecord<R extends BlobRecord>(kind: RecordKind, folder: string, uri: string): Promise<R | undefined> {
  try {
    const { crc, record } = JSON.parse(await readFile(fileFor(kind, folder, uri), 'utf8')) as { crc: number; record: R };
    return crc === crc32.str(JSON.stringify(record)) && record.uri === uri ? record : undefined;
  } catch {
    return undefined;
  }
}

/** Keeps a record, readable by its owner only; throws where the folder cannot be written. */
export async function writeRecord(kind: RecordKind, folder: string, record: BlobRecord): Promise<void> {
  const path = fileFor(kind, folder, record.uri);
  const fresh = `${path}.${process.pid}`;
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await writeFile(fresh, JSON.stringify({ crc: crc32.str(JSON.stringify(record)), record }), { mode: 0o600, flush: true });
    await rename(fresh, path);
  } catch (error) {
    await rm(fresh, { force: true }).catch(() => undefined);
    throw error;
  }
}

export async function deleteRecord(kind: RecordKind, folder: string, uri: string): Promise<void> {
  await rm(fileFor(kind, folder, uri), { force: true }).catch(() => undefined);
}

function fileFor(kind: RecordKind, folder: string, uri: string): string {
  return join(folder, `${createHash('sha256').update(uri).digest('hex').slice(0, 32)}.${kind}.json`);
}
