import { open, readFile, rename, rm } from 'node:fs/promises';
import crc32 from 'crc-32';
import { unwritable } from '../disk/output-file.js';

/** What is being pulled: two runs with the same job do the same work, so the one resumes the other. */
export interface PullJob {
  /** Without its SAS. */
  readonly blob: string;
  readonly etag: string;
  readonly format: string;
  /** Of the ancestor's files; see `PullParent.digest`. */
  readonly onto: string | null;
}

/** What of the part file is durable. */
export interface Durable {
  /** Every window before this offset is done. */
  readonly below: number;
  /** Windows behind it that are done too, by offset. */
  readonly ahead: readonly number[];
  /** Where the file's data ends; see `DiskWriter.end`. */
  readonly end: number;
  /** The least size of the file. */
  readonly fileSize: number;
}

/** Kept beside the part file, so that the same command resumes. It never says more than what is on the medium. */
export interface PullRecord {
  readonly job: PullJob;
  readonly durable: Durable;
  /** `differs`: all was there, but was not what Content-MD5 says; `ready`: complete and checked, about to get its name. */
  readonly state: 'fetching' | 'differs' | 'ready';
  /** With `ready`: tells the file, whatever its name is. */
  readonly identity: string | null;
}

/** The record at a path; `undefined` where there is none, or none that is whole. */
export async function readPullRecord(path: string): Promise<PullRecord | undefined> {
  try {
    const { crc, record } = JSON.parse(await readFile(path, 'utf8')) as { crc: number; record: PullRecord };
    return crc === crc32.str(JSON.stringify(record)) ? record : undefined;
  } catch {
    return undefined;
  }
}

/** Replaces the record, readable by its owner only; throws `output-unwritable`. */
export async function writePullRecord(path: string, record: PullRecord): Promise<void> {
  const fresh = `${path}.new`;
  try {
    const file = await open(fresh, 'w', 0o600);
    try {
      await file.writeFile(JSON.stringify({ crc: crc32.str(JSON.stringify(record)), record }));
      await file.datasync();
    } finally {
      await file.close();
    }
    await rename(fresh, path);
  } catch (error) {
    await rm(fresh, { force: true }).catch(() => undefined);
    throw unwritable(path, 'record what is durable', error);
  }
}
