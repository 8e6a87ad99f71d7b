import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import crc32 from 'crc-32';

/** The kinds of records: one file of each for what it is about. */
export type RecordKind = 'lease' | 'seal' | 'md5';

/** The record about `key`, such as a blob's URI; `undefined` where there is none, or none that is whole. */
export async function readRecord<R>(kind: RecordKind, folder: string, key: string): Promise<R | undefined> {
  try {
    const { crc, ...stored } = JSON.parse(await readFile(fileFor(kind, folder, key), 'utf8')) as { crc: number; key: string; record: R };
    return crc === crc32.str(JSON.stringify(stored)) && stored.key === key ? stored.record : undefined;
  } catch {
    return undefined;
  }
}

/** Keeps a record, readable by its owner only; throws where the folder cannot be written. */
export async function writeRecord(kind: RecordKind, folder: string, key: string, record: object): Promise<void> {
  const stored = { key, record };
  await writeWhole(folder, fileFor(kind, folder, key), (fresh) => writeFile(fresh, JSON.stringify({ crc: crc32.str(JSON.stringify(stored)), ...stored }), { mode: 0o600, flush: true }));
}

export async function deleteRecord(kind: RecordKind, folder: string, key: string): Promise<void> {
  await rm(fileFor(kind, folder, key), { force: true }).catch(() => undefined);
}

/** Has `write` make a file beside `path`, which then takes its name: whoever reads sees all of it or nothing. */
export async function writeWhole(folder: string, path: string, write: (fresh: string) => Promise<void>): Promise<void> {
  const fresh = `${path}.${process.pid}`;
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await write(fresh);
    await rename(fresh, path);
  } catch (error) {
    await rm(fresh, { force: true }).catch(() => undefined);
    throw error;
  }
}

function fileFor(kind: RecordKind, folder: string, key: string): string {
  return join(folder, `${createHash('sha256').update(key).digest('hex').slice(0, 32)}.${kind}.json`);
}
