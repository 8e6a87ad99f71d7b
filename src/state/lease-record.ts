import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import crc32 from 'crc-32';
import envPaths from 'env-paths';

/**
 * Which lease a process of this machine holds, so that after a crash the next one need not wait until it runs out.
 * A hint only: the state of a push is on the blob, and any other machine resumes without this.
 */
export interface LeaseRecord {
  readonly uri: string;
  readonly leaseId: string;
  readonly pid: number;
  readonly host: string;
}

/** Where records are kept: `VHDUP_STATE_DIR`, else the user's data folder. */
export function defaultStateFolder(): string {
  return process.env['VHDUP_STATE_DIR'] ?? envPaths('vhdup', { suffix: '' }).data;
}

/** The record for a blob; `undefined` where there is none, or none that is whole. */
export async function readLeaseRecord(folder: string, uri: string): Promise<LeaseRecord | undefined> {
  try {
    const { crc, record } = JSON.parse(await readFile(fileFor(folder, uri), 'utf8')) as { crc: number; record: LeaseRecord };
    return crc === crc32.str(JSON.stringify(record)) && record.uri === uri ? record : undefined;
  } catch {
    return undefined;
  }
}

/** Keeps a record, readable by its owner only. A folder that cannot be written is no reason to fail. */
export async function writeLeaseRecord(folder: string, record: LeaseRecord): Promise<void> {
  const path = fileFor(folder, record.uri);
  const fresh = `${path}.${process.pid}`;
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await writeFile(fresh, JSON.stringify({ crc: crc32.str(JSON.stringify(record)), record }), { mode: 0o600 });
    await rename(fresh, path);
  } catch {
    await rm(fresh, { force: true }).catch(() => undefined);
  }
}

export async function deleteLeaseRecord(folder: string, uri: string): Promise<void> {
  await rm(fileFor(folder, uri), { force: true }).catch(() => undefined);
}

function fileFor(folder: string, uri: string): string {
  return join(folder, `${createHash('sha256').update(uri).digest('hex').slice(0, 32)}.lease.json`);
}
