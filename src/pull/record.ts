import { randomBytes } from 'node:crypto';
import { open, rm } from 'node:fs/promises';
import crc32 from 'crc-32';
import { unwritable } from '../disk/output-file.js';
import { readRegular } from '../state/regular-file.js';
import { replaceFile } from '../state/replace-file.js';
import { parseOwner, type Owner } from '../state/owner.js';

/** The most bytes of a record: enough for more than 200,000 windows. */
const MAX_BYTES = 4 * 1024 * 1024;

/** What is being pulled. Two runs with equal keys do the same work, so one resumes the other. */
export interface PullKey {
  /** The URI without a SAS. */
  readonly blob: string;
  readonly etag: string;
  /** A `PullFormat` or `differencing`. */
  readonly format: string;
  /** The state of the local ancestor's files, see `PullParent.digest`; `null` without one. */
  readonly onto: string | null;
}

/** The durable part of a part file. */
export interface DurableState {
  /** All windows before this offset are completed. */
  readonly below: number;
  /** The offsets of completed windows behind it. */
  readonly ahead: readonly number[];
  /** The end of the file's data; see `DiskWriter.end`. */
  readonly end: number;
  /** The least size of the file, in bytes. */
  readonly fileSize: number;
}

/** The record beside a part file, by which the same command resumes. It names only what is already durable. */
export interface PullRecord {
  readonly job: PullKey;
  /** True if the run does not compare the content with the blob's digests; see `PullTask`. */
  readonly acceptsDiffering: boolean;
  readonly durable: DurableState;
  /** `differs`: complete, but Content-MD5 did not match; `ready`: complete and checked, about to get its name. */
  readonly state: 'fetching' | 'differs' | 'ready';
  /** With `ready`: identifies the file under any name; see `PullOutput.identityOf`. */
  readonly identity: string | null;
  /** Name of the part file, without its folder. Only the holder of the lock with the token in this name ever writes to it. */
  readonly part: string;
  /** The earlier name of the part file, while it is being renamed. */
  readonly formerPart: string | null;
  /**
   * The stamp of the part file as this pull left it; see `PullOutput.stampOf`. While the file has this stamp, nothing but this
   * pull has ever written to it. `null` while the pull may write to it, or if others may have written to it.
   */
  readonly stamp: string | null;
  /** The process that has the part file open; `null` once it is closed. */
  readonly owner: Owner | null;
}

/** Returns the record at a path; `undefined` if there is none, it is damaged, or something else has its name. */
export async function readPullRecord(path: string): Promise<PullRecord | undefined> {
  try {
    const { crc, record } = JSON.parse((await readRegular(path, MAX_BYTES)).toString()) as {
      crc: unknown;
      record: unknown;
    };
    return crc === crc32.str(JSON.stringify(record)) && isPullRecord(record) ? record : undefined;
  } catch {
    return undefined;
  }
}

/** Replaces the record, durably. It is readable only by this user. Throws `output-unwritable`. */
export async function writePullRecord(path: string, record: PullRecord): Promise<void> {
  const fresh = `${path}-${randomBytes(8).toString('hex')}`;
  try {
    const file = await open(fresh, 'wx', 0o600);
    try {
      await file.writeFile(JSON.stringify({ crc: crc32.str(JSON.stringify(record)), record }));
      await file.datasync();
    } finally {
      await file.close();
    }
    await replaceFile(fresh, path);
  } catch (error) {
    await rm(fresh, { force: true }).catch(() => undefined);
    throw unwritable(path, 'record what is durable', error);
  }
}

/** Returns why a pull with the key `now` cannot resume one with the key `before`, in words; `undefined` if it can. */
export function changeOf(before: PullKey, now: PullKey): string | undefined {
  if (before.blob !== now.blob) return `it was of another blob, ${before.blob}`;
  if (before.etag !== now.etag) return 'the blob has changed since';
  if (before.format !== now.format) return `it was made in another format, ${before.format}`;
  if (before.onto !== now.onto) return 'the local ancestor is another one, or was changed';
  return undefined;
}

/** Returns the key in a value that was read from a file; `undefined` if it has another shape. */
export function parsePullKey(value: unknown): PullKey | undefined {
  const { blob, etag, format, onto } = fieldsOf(value);
  if (typeof blob !== 'string' || typeof etag !== 'string' || typeof format !== 'string') return undefined;
  return onto === null || typeof onto === 'string' ? { blob, etag, format, onto } : undefined;
}

function isPullRecord(value: unknown): value is PullRecord {
  const { job, acceptsDiffering, durable, state, identity, part, formerPart, stamp, owner } = fieldsOf(value);
  const { below, ahead, end, fileSize } = fieldsOf(durable);
  return (
    parsePullKey(job) !== undefined &&
    typeof part === 'string' &&
    [identity, formerPart, stamp].every((text) => text === null || typeof text === 'string') &&
    Array.isArray(ahead) &&
    [below, end, fileSize, ...(ahead as unknown[])].every(
      (offset) => Number.isSafeInteger(offset) && Number(offset) >= 0,
    ) &&
    (state === 'fetching' || state === 'differs' || state === 'ready') &&
    typeof acceptsDiffering === 'boolean' &&
    (owner === null || parseOwner(owner) !== undefined)
  );
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}
