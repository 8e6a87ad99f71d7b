import { createHash, randomBytes } from 'node:crypto';
import { lstat, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import crc32 from 'crc-32';
import { readRegular } from './regular-file.js';
import { replaceFile } from './replace-file.js';
import { withLock } from './lock.js';

/** A longer file, in bytes, is not a record. */
const MAX_BYTES = 64 * 1024;

/** The name of the file of a record of any kind. */
const RECORD = /^[0-9a-f]{32}\.[a-z0-9]+\.json$/;

/** A kind of record: one file for each key. */
export interface RecordKind<R extends object> {
  /** A part of the file's name. */
  readonly name: string;
  /** Returns the record in a value that was read from a file; `undefined` if it has another shape. */
  readonly parse: (value: unknown) => R | undefined;
}

/** Returns the record for `key`, such as a blob's URI; `undefined` if there is none, it is damaged, or something else has its name. */
export async function readRecord<R extends object>(
  { name, parse }: RecordKind<R>,
  folder: string,
  key: string,
): Promise<R | undefined> {
  try {
    const { crc, ...stored } = JSON.parse((await readRegular(fileFor(name, folder, key), MAX_BYTES)).toString()) as {
      crc: unknown;
      key: unknown;
      record: unknown;
    };
    return crc === crc32.str(JSON.stringify(stored)) && stored.key === key ? parse(stored.record) : undefined;
  } catch {
    return undefined;
  }
}

/** Writes a record, readable only by this user. A reader gets the old one or the new one. Throws the system's error if the folder cannot be written. */
export async function writeRecord<R extends object>(
  { name }: RecordKind<R>,
  folder: string,
  key: string,
  record: R,
): Promise<void> {
  const path = fileFor(name, folder, key);
  const stored = { key, record };
  // Random, because process ids are not unique across namespaces.
  const fresh = `${path}.${randomBytes(8).toString('hex')}`;
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await writeFile(fresh, JSON.stringify({ crc: crc32.str(JSON.stringify(stored)), ...stored }), {
      mode: 0o600,
      flag: 'wx',
      flush: true,
    });
    await replaceFile(fresh, path);
  } catch (error) {
    await rm(fresh, { force: true }).catch(() => undefined);
    throw error;
  }
}

/** Deletes a record, if there is one. Never throws. */
export async function deleteRecord<R extends object>(
  { name }: RecordKind<R>,
  folder: string,
  key: string,
): Promise<void> {
  await rm(fileFor(name, folder, key), { force: true }).catch(() => undefined);
}

/**
 * Replaces a record by what `change` returns, under a lock, so that no update is lost. `undefined` deletes the record; the
 * same object leaves it as it is. Throws the system's error if the folder cannot be written.
 */
export async function updateRecord<R extends object>(
  kind: RecordKind<R>,
  folder: string,
  key: string,
  change: (current: R | undefined) => R | undefined,
): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await withLock(`${fileFor(kind.name, folder, key)}.lock`, async (lock) => {
    const current = await readRecord(kind, folder, key);
    const next = change(current);
    await lock.check();
    if (next === undefined) await deleteRecord(kind, folder, key);
    else if (next !== current) await writeRecord(kind, folder, key, next);
  });
}

/** Deletes the oldest records of a kind if there are more than `max` of them. Never throws. */
export async function trimRecords<R extends object>(
  { name }: RecordKind<R>,
  folder: string,
  max: number,
): Promise<void> {
  const names = (await readdir(folder).catch(() => [])).filter(
    (file) => RECORD.test(file) && file.endsWith(`.${name}.json`),
  );
  if (names.length <= max) return;
  const files = await Promise.all(
    names.map(async (file) => {
      const path = join(folder, file);
      return { path, writtenMs: (await lstat(path).catch(() => undefined))?.mtimeMs ?? 0 };
    }),
  );
  const oldest = files.sort((a, b) => a.writtenMs - b.writtenMs).slice(0, files.length - max);
  for (const { path } of oldest) await rm(path, { force: true }).catch(() => undefined);
}

function fileFor(name: string, folder: string, key: string): string {
  return join(folder, `${createHash('sha256').update(key).digest('hex').slice(0, 32)}.${name}.json`);
}
