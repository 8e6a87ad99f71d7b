import { constants } from 'node:fs';
import { copyFile, lstat, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { OutputFile, unwritable } from '../disk/output-file.js';
import { judgeWork } from '../state/announcement.js';
import type { Lock } from '../state/lock.js';
import { thisOwner } from '../state/owner.js';
import type { PullOutput } from './output.js';
import { changeOf, readPullRecord, writePullRecord, type PullRecord } from './record.js';
import type { PullTask } from './task.js';
import { replaceFile } from '../state/replace-file.js';
import { hasErrorCode } from '../state/system-error.js';

/**
 * Takes over the part file of an earlier run under the name of this one, and records that. Renames the file only if its
 * process is proved to be gone, or has closed it. Otherwise makes a copy: a process that was only stopped still has the
 * file open, and may write to it at any time. Returns `undefined` if this run has to begin anew.
 */
export async function resumeEarlierPart(task: PullTask, lock: Lock): Promise<ResumedPart | undefined> {
  const { session, output, key, acceptsDiffering } = task;
  const record = await readPullRecord(output.recordPath);
  const earlier = record && (await findPart(record, output));
  if (!earlier) return undefined;
  const change =
    changeOf(record.job, key) ??
    (record.state === 'differs' && !acceptsDiffering
      ? 'what was pulled then did not fit its Content-MD5'
      : undefined) ??
    (earlier.size < record.durable.fileSize ? 'its file was cut' : undefined) ??
    (earlier.names > 1 ? 'its file has a second name (a hard link), and what has that must not change' : undefined);
  if (change !== undefined) {
    session.warn({
      code: 'pull-restarted',
      message: `an earlier pull to ${output.path} cannot be resumed, so it starts again: ${change}`,
    });
    return undefined;
  }
  const own = output.partPath(lock.token);
  const resumed: PullRecord = {
    ...record,
    acceptsDiffering,
    identity: null,
    part: basename(own),
    formerPart: null,
    stamp: null,
    owner: thisOwner(),
  };
  const isClosed = record.owner === null || judgeWork(earlier.token, record.owner) === 'gone';
  if (!isClosed && !(await copyPart(task, earlier.path, own))) return undefined;
  // A rename changes the file's ctime, so the stamp is compared before it.
  const isUntouched = isClosed && record.stamp !== null && record.stamp === (await output.stampOf(earlier.path));
  await lock.check();
  // The record is written before the rename: after a crash in between, it has both names.
  await writePullRecord(output.recordPath, isClosed ? { ...resumed, formerPart: earlier.name } : resumed);
  return !isClosed || (await movePart(earlier.path, own)) ? { record: resumed, isUntouched } : undefined;
}

/** A part file of an earlier run that this run has taken over. */
export interface ResumedPart {
  /** The record that was written for this run. */
  readonly record: PullRecord;
  /** True if it is proved that nothing but this pull has ever written to the file. */
  readonly isUntouched: boolean;
}

/** The part file that a record names. */
interface EarlierPart {
  readonly name: string;
  readonly path: string;
  /** The token of the lock under which the file was opened last. */
  readonly token: string;
  readonly size: number;
  /** Number of hard links to the file. */
  readonly names: number;
}

/** Returns the part file of a record; `undefined` if it is not a regular file beside the output with the name of a part file. */
async function findPart({ part, formerPart }: PullRecord, output: PullOutput): Promise<EarlierPart | undefined> {
  const token = output.tokenOf(part);
  for (const name of [part, formerPart]) {
    if (token === undefined || name === null || output.tokenOf(name) === undefined) continue;
    const path = join(dirname(output.path), name);
    const found = await lstat(path).catch(() => undefined);
    if (found?.isFile()) return { name, path, token, size: found.size, names: found.nlink };
  }
  return undefined;
}

/** Renames a part file. Returns false if it is gone: another process has taken this one for dead. */
async function movePart(from: string, to: string): Promise<boolean> {
  try {
    await replaceFile(from, to);
    return true;
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT')) return false;
    throw unwritable(to, 'resume what an earlier pull has stored', error);
  }
}

/** Makes a durable copy of a part file. Returns false if that is not possible, or would fill holes. */
async function copyPart({ session, format }: PullTask, from: string, to: string): Promise<boolean> {
  session.note(`a process that may still run has ${from} open: its content is copied to another file`);
  const hasHoles = format !== 'dynamic';
  const isCopied =
    (await makeCopy(from, to, constants.COPYFILE_FICLONE_FORCE)) || (!hasHoles && (await makeCopy(from, to, 0)));
  if (!isCopied) session.note(`${from} cannot be cloned on this file system: the pull starts again`);
  return isCopied;
}

/** Copies a file. Returns false, and leaves no copy, if that fails for any reason: the pull can always start again, and needs less space. */
async function makeCopy(from: string, to: string, how: number): Promise<boolean> {
  try {
    await copyFile(from, to, how | constants.COPYFILE_EXCL);
    await using file = await OutputFile.reopen(to);
    await file.sync();
    return true;
  } catch {
    await rm(to, { force: true }).catch(() => undefined);
    return false;
  }
}
