import { lstat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { stateFolderIfAny } from '../state/lease-record.js';
import { readRecord, trimRecords, writeRecord, type RecordKind } from '../state/record-file.js';
import type { PullOptions } from './options.js';
import { stampIn, type PullOutput } from './output.js';
import { changeOf, parsePullJob, type PullJob } from './record.js';
import type { PullWork } from './work.js';

/** A file that a pull of this machine has published. */
interface PulledFile {
  readonly job: PullJob;
  /** Whether the content was not compared with the blob's digests; see `PullWork`. */
  readonly acceptsDiffering: boolean;
  /** The file, and its state; see `stateOf`. */
  readonly file: string;
}

const PULLED: RecordKind<PulledFile> = { name: 'pulled', parse: parsePulledFile };
/** This many records are kept, the latest ones. */
const MAX_RECORDS = 1000;
/** Longer than a tick of the kernel's clock (1 to 10 ms). Two changes within one tick leave the same times. */
const TICK_MS = 20;

/**
 * Returns the folder for records of finished pulls; `undefined` if none is kept: the user has no such folder, or asks for
 * `overwrite`, and so wants the file made again.
 */
export function pulledFolder({ stateFolder, overwrite }: PullOptions): string | undefined {
  return overwrite ? undefined : (stateFolder ?? stateFolderIfAny());
}

/**
 * Records that the file at `output` is what `work` makes, so that the same command finds later that it is done. `identity` is
 * that of the file that this pull has published. Records nothing if the output is another file by now, or if a later write could
 * leave its times as they are. Never throws.
 */
export async function recordPulled(
  folder: string,
  output: PullOutput,
  { job, acceptsDiffering }: PullWork,
  identity: string,
): Promise<void> {
  const file = await stateOf(output);
  if (file === undefined || !file.startsWith(`${identity} `)) return;
  await writeRecord(PULLED, folder, resolve(output.path), { job, acceptsDiffering, file }).catch(() => undefined);
  await trimRecords(PULLED, folder, MAX_RECORDS);
}

/**
 * Returns true if a pull on this machine has made the file at `output` for the same work, and nobody has touched it since. A file
 * that was accepted without a comparison counts only if this run accepts that too.
 */
export async function isPulled(
  folder: string,
  output: PullOutput,
  { job, acceptsDiffering }: PullWork,
): Promise<boolean> {
  const record = await readRecord(PULLED, folder, resolve(output.path));
  if (!record || changeOf(record.job, job) !== undefined || (record.acceptsDiffering && !acceptsDiffering))
    return false;
  return record.file === (await stateOf(output));
}

/** Waits until the tick of the clock in which a file was last written is over: a later change then gives the file a later time. */
export async function passTick(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found && Math.abs(Date.now() - found.mtimeMs) < TICK_MS) await sleep(TICK_MS);
}

/**
 * Identifies a file, and one state of it, by its times too. Returns `undefined` if it is not a regular file, or was not renamed
 * (which sets the time of change) in a later tick than it was written to: then another write could leave its times as they are.
 */
async function stateOf({ path }: PullOutput): Promise<string | undefined> {
  const found = await lstat(path, { bigint: true }).catch(() => undefined);
  return found?.isFile() && found.mtimeNs < found.ctimeNs ? stampIn(found) : undefined;
}

function parsePulledFile(value: unknown): PulledFile | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { job: recorded, acceptsDiffering, file } = value as Readonly<Record<keyof PulledFile, unknown>>;
  const job = parsePullJob(recorded);
  return job && typeof acceptsDiffering === 'boolean' && typeof file === 'string'
    ? { job, acceptsDiffering, file }
    : undefined;
}
