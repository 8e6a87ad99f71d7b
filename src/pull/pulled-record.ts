import { lstat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { stateFolderIfAny } from '../state/user-folders.js';
import { readRecord, trimRecords, writeRecord, type RecordKind } from '../state/record-file.js';
import type { PullOptions } from './options.js';
import { stampIn, type PullOutput } from './output.js';
import { changeOf, parsePullKey, type PullKey } from './record.js';
import type { PullTask } from './task.js';

/** A file that a pull on this machine has finished. */
interface PulledFile {
  readonly job: PullKey;
  /** True if the content was not compared with the blob's digests; see `PullTask`. */
  readonly acceptsDiffering: boolean;
  /** The file and its state; see `fileStateOf`. */
  readonly file: string;
}

const PULLED: RecordKind<PulledFile> = { name: 'pulled', parse: parsePulledFile };
/** The most records. Beyond that, the oldest ones are deleted. */
const MAX_RECORDS = 1000;
/** Longer than a tick of the kernel's clock (1 to 10 ms). Two changes within one tick leave the same times. */
const TICK_MS = 20;

/**
 * Returns the folder for records of finished pulls. Returns `undefined` if there is none, and with `overwrite`: then the file is
 * always made again.
 */
function pulledFolder({ stateFolder, overwrite }: PullOptions): string | undefined {
  return overwrite ? undefined : (stateFolder ?? stateFolderIfAny());
}

/**
 * Records that the output of a task is finished, so that the same command finds that later. `identity`: of the file that this run
 * has published. Records nothing if the output is another file by now, or if a later write could leave its times as they are.
 * Never throws.
 */
export async function recordPulled(
  { options, output, key, acceptsDiffering }: Pick<PullTask, 'options' | 'output' | 'key' | 'acceptsDiffering'>,
  identity: string,
): Promise<void> {
  const folder = pulledFolder(options);
  if (folder === undefined) return;
  const file = await fileStateOf(output);
  if (file === undefined || !file.startsWith(`${identity} `)) return;
  await writeRecord(PULLED, folder, resolve(output.path), { job: key, acceptsDiffering, file }).catch(() => undefined);
  await trimRecords(PULLED, folder, MAX_RECORDS);
}

/**
 * Returns true if a pull on this machine has made the output for an equal key, and the file is unchanged since. A file that was
 * accepted without a comparison counts only if this run accepts that too.
 */
export async function isPulled({
  options,
  output,
  key,
  acceptsDiffering,
}: Pick<PullTask, 'options' | 'output' | 'key' | 'acceptsDiffering'>): Promise<boolean> {
  const folder = pulledFolder(options);
  const record = folder === undefined ? undefined : await readRecord(PULLED, folder, resolve(output.path));
  if (!record || changeOf(record.job, key) !== undefined || (record.acceptsDiffering && !acceptsDiffering))
    return false;
  return record.file === (await fileStateOf(output));
}

/** Waits until the tick of the clock in which a file was last written is over. A later change then gives the file a later time. */
export async function waitForNextTick(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found && Math.abs(Date.now() - found.mtimeMs) < TICK_MS) await sleep(TICK_MS);
}

/**
 * Identifies a file, and one state of it, by its times too. Returns `undefined` if it is not a regular file, or was not renamed
 * (which sets the time of change) in a later tick than it was written to: then another write could leave its times as they are.
 */
async function fileStateOf({ path }: PullOutput): Promise<string | undefined> {
  const found = await lstat(path, { bigint: true }).catch(() => undefined);
  return found?.isFile() && found.mtimeNs < found.ctimeNs ? stampIn(found) : undefined;
}

function parsePulledFile(value: unknown): PulledFile | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { job: recorded, acceptsDiffering, file } = value as Readonly<Record<keyof PulledFile, unknown>>;
  const job = parsePullKey(recorded);
  return job && typeof acceptsDiffering === 'boolean' && typeof file === 'string'
    ? { job, acceptsDiffering, file }
    : undefined;
}
